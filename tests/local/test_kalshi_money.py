"""Money on the local exchange: fees to the unit, collateral, netted positions, settlement, nothing made or lost."""

from decimal import Decimal

import pytest

from local.venues.kalshi import EndReason, MarketSpec, Precision
from local.venues.kalshi.fees import FeeModel, charge

FED, BTC = "KXFED-26DEC", "KXBTC-1"
QUADRATIC = FeeModel()


def dollars(text):
    return int(Decimal(text).scaleb(6))


def test_the_recorded_fee():
    """1 contract at 0.52 taken cost 0.017500 on the wire (facts kalshi section 9)."""
    assert QUADRATIC.trade_fee(5200, 100, is_taker=True) == dollars("0.0175")
    assert QUADRATIC.trade_fee(5200, 100, is_taker=False) == 0


@pytest.mark.parametrize(
    ("fee_type", "multiplier", "is_taker", "fee"),
    [
        ("quadratic_with_maker_fees", "1", False, "0.4375"),
        ("quadratic_with_combo_maker_fees", "1", False, "0.8750"),
        ("quadratic", "0.5", True, "0.8750"),
        ("quadratic", "0", True, "0"),
        ("quadratic", "1", True, "1.7500"),
    ],
)
def test_fees_by_series(fee_type, multiplier, is_taker, fee):
    model = FeeModel(fee_type, Decimal(multiplier))
    assert model.trade_fee(5000, 10_000, is_taker=is_taker) == dollars(fee)


@pytest.mark.parametrize(
    ("price", "size", "trade_fee", "nets"),
    [
        (550, 100, "0.0085", ["0.0150", "0.0050", "0.0150"]),
        (5000, 30, "0.0041", ["0.0100", "0.0000", "0.0100"]),
        (3301, 3, "0.0005", ["0.010097", "0.000097", "0.000097"]),
    ],
)
def test_rounding_as_in_the_venue_s_worked_examples(price, size, trade_fee, nets):
    """docs.kalshi.com/getting_started/fee_rounding: three equal fills of one order of a non-direct member.

    The first example states its trade fee (0.0085) without the formula behind it, so the rounding is tested alone.
    """
    overpaid, found = 0, []
    for _ in nets:
        charged = charge(-price * size, dollars(trade_fee), Precision.NON_DIRECT, overpaid)
        overpaid = charged.overpaid
        found.append(charged.fee)
    assert found == [dollars(net) for net in nets]


def test_a_fee_is_never_negative():
    charged = charge(-55, 0, Precision.DIRECT, 20_000)
    assert charged.fee >= 0
    assert charged.overpaid > 10_000


@pytest.fixture
def member(venue):
    return venue.member()


def position(member, ticker=FED):
    rows = member.get("/portfolio/positions", ticker=ticker).json()["market_positions"]
    return {row["ticker"]: row for row in rows}[ticker]


def test_a_bid_pays_its_price_and_a_resting_one_reserves_it(venue, member):
    venue.book({}, {42: 10})
    member.create(FED, "bid", "0.42", "10")
    assert member.available(exchange_index=0) == Decimal("100") - Decimal("4.20") - Decimal("0.1706")
    member.create(FED, "bid", "0.41", "10")
    assert member.available(exchange_index=0) == Decimal("95.6294") - Decimal("4.10")
    assert venue.exchange.books("anna").imbalances() == []


def test_an_ask_without_position_opens_no(venue, member):
    venue.book({40: 10}, {})
    answer = member.create(FED, "ask", "0.40", "10")
    assert answer.json()["fill_count"] == "10.00"
    held = position(member)
    assert (held["position_fp"], held["market_exposure_dollars"]) == ("-10.00", "6.000000")
    assert member.available(exchange_index=0) == Decimal("100") - Decimal("6.00") - Decimal("0.168")


def test_an_ask_within_the_position_needs_no_collateral(venue):
    member = venue.member(dollars="5")
    venue.book({}, {42: 10})
    member.create(FED, "bid", "0.42", "10")
    before = member.available(exchange_index=0)
    assert member.create(FED, "ask", "0.60", "10").status_code == 201
    assert member.available(exchange_index=0) == before


def test_a_second_full_size_sell_needs_collateral_or_is_refused(venue):
    """Two resting sells on one position can flip it; only money stops the second (facts kalshi section 5)."""
    poor, rich = venue.member("poor", dollars="5"), venue.member("rich", dollars="50")
    for member, size in ((poor, 10), (rich, 11)):
        venue.book({}, {42: size})
        member.create(FED, "bid", "0.42", "10")
        member.create(FED, "ask", "0.60", "10")
    assert poor.create(FED, "ask", "0.70", "10").json()["error"]["code"] == "insufficient_balance"
    assert rich.create(FED, "ask", "0.70", "10").status_code == 201
    venue.book({75: 100}, {})
    assert position(rich)["position_fp"] == "-10.00"
    assert position(poor)["position_fp"] == "0.00"
    assert venue.exchange.books("rich").imbalances() == []


def test_a_cheaper_sell_takes_the_cover_from_a_dearer_one(venue):
    member = venue.member(dollars="5")
    venue.book({}, {42: 10})
    member.create(FED, "bid", "0.42", "10")
    member.create(FED, "ask", "0.95", "10")
    assert member.create(FED, "ask", "0.60", "10").status_code == 201
    assert member.available(exchange_index=0) == Decimal("0.6294") - Decimal("0.50")


def test_collateral_is_per_shard(venue):
    member = venue.member(shards=(0,))
    assert member.create(BTC, "bid", "0.40", "1").json()["error"]["code"] == "user_not_found"
    venue.exchange.deposit("anna", 2, Decimal("0.39"))
    refused = member.create(BTC, "bid", "0.40", "1")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "insufficient_balance")
    venue.exchange.deposit("anna", 2, Decimal("0.03"))
    assert member.create(BTC, "bid", "0.40", "1").status_code == 201
    breakdown = member.get("/portfolio/balance").json()["balance_breakdown"]
    assert breakdown == [{"exchange_index": 0, "balance": "100.0000"}, {"exchange_index": 2, "balance": "0.0200"}]


def test_a_cancel_gives_the_collateral_back(member):
    order_id = member.create(FED, "bid", "0.40", "100").json()["order_id"]
    assert member.available(exchange_index=0) == Decimal("60")
    member.cancel(order_id)
    assert member.available(exchange_index=0) == Decimal("100")


def test_realized_profit_is_at_average_cost_and_before_fees(venue, member):
    venue.book({}, {40: 10})
    member.create(FED, "bid", "0.40", "10")
    venue.book({}, {50: 10})
    member.create(FED, "bid", "0.50", "10")
    venue.book({60: 5}, {})
    member.create(FED, "ask", "0.60", "5")
    held = position(member)
    assert (held["position_fp"], held["realized_pnl_dollars"], held["market_exposure_dollars"]) == (
        "15.00",
        "0.750000",
        "6.750000",
    )
    assert Decimal(held["fees_paid_dollars"]) == Decimal("0.168") + Decimal("0.175") + Decimal("0.084")


def test_a_fill_across_zero_closes_and_opens(venue, member):
    venue.book({}, {40: 10})
    member.create(FED, "bid", "0.40", "10")
    venue.book({70: 30}, {})
    member.create(FED, "ask", "0.70", "30")
    held = position(member)
    assert (held["position_fp"], held["realized_pnl_dollars"], held["market_exposure_dollars"]) == (
        "-20.00",
        "3.000000",
        "6.000000",
    )


@pytest.mark.parametrize(("result", "payout"), [("yes", 1000), ("no", 0)])
def test_settlement_pays_the_net_position(venue, member, result, payout):
    venue.book({}, {40: 10})
    member.create(FED, "bid", "0.40", "10")
    resting = member.create(FED, "bid", "0.10", "10").json()["order_id"]
    before = member.available(exchange_index=0)
    venue.exchange.settle(FED, result)
    assert member.available(exchange_index=0) == before + 1 + Decimal(payout) / 100
    (row,) = member.get("/portfolio/settlements").json()["settlements"]
    assert (row["yes_count_fp"], row["no_count_fp"], row["revenue"]) == ("10.00", "0.00", payout)
    assert member.get("/portfolio/positions").json()["market_positions"] == []
    (settled,) = member.get("/portfolio/positions", settlement_status="settled").json()["market_positions"]
    assert settled["position_fp"] == "0.00"
    books = venue.exchange.books("anna")
    assert [order.end for order in books.orders if order.order_id == resting] == [EndReason.CLOSE]
    assert books.imbalances() == []
    assert books.profit == payout * 10_000 - dollars("4.168")


@pytest.mark.parametrize(("result", "revenue"), [("no", 1000), ("yes", 0)])
def test_a_no_position_is_paid_for_no_alone(venue, member, result, revenue):
    venue.book({40: 10}, {})
    member.create(FED, "ask", "0.40", "10")
    before = member.available(exchange_index=0)
    venue.exchange.settle(FED, result)
    (row,) = member.get("/portfolio/settlements").json()["settlements"]
    assert (row["yes_count_fp"], row["no_count_fp"], row["no_total_cost_dollars"], row["revenue"]) == (
        "0.00",
        "10.00",
        "6.000000",
        revenue,
    )
    assert member.available(exchange_index=0) == before + Decimal(revenue) / 100


def test_a_settlement_states_what_was_bought_of_each_outcome_and_the_fees_again(venue, member):
    """Recorded 2026-01: 37 YES and 37 NO, revenue 0, and the fees of the fills; nothing was held any more."""
    venue.book({}, {40: 10})
    member.create(FED, "bid", "0.40", "10")
    venue.book({70: 10}, {})
    member.create(FED, "ask", "0.70", "10")
    before, fees = member.available(exchange_index=0), position(member)["fees_paid_dollars"]
    venue.exchange.settle(FED, "yes")
    (row,) = member.get("/portfolio/settlements").json()["settlements"]
    assert (row["yes_count_fp"], row["yes_total_cost_dollars"]) == ("10.00", "4.000000")
    assert (row["no_count_fp"], row["no_total_cost_dollars"]) == ("10.00", "3.000000")
    assert (row["revenue"], row["fee_cost"]) == (0, fees)
    assert Decimal(fees) == Decimal("0.168") + Decimal("0.147")
    assert member.available(exchange_index=0) == before


def test_roundings_add_up_over_the_fills_of_one_order_and_a_cent_comes_back(venue):
    """Each fill has a trade fee of 0.0053 and moves the balance by whole cents; the order overpays 0.0047, 0.0017 and
    0.0087, which is more than a cent with the third."""
    member = venue.member(precision=Precision.NON_DIRECT)
    venue.exchange.apply_snapshot(FED, [], [(5000, 30), (5100, 30), (5200, 30)])
    member.create(FED, "bid", "0.55", "0.90")
    fees = [fill.fee for fill in venue.exchange.books("anna").fills]
    assert fees == [dollars("0.0100"), dollars("0.0070"), dollars("0.0040")]
    assert member.available(exchange_index=0) == Decimal("99.52")


def test_a_taker_needs_its_fee_beside_its_price(venue):
    member = venue.member(dollars="4.10")
    venue.book({}, {40: 10})
    refused = member.create(FED, "bid", "0.40", "10")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "insufficient_balance")
    venue.exchange.deposit("anna", 0, Decimal("0.0680"))
    assert member.create(FED, "bid", "0.40", "10").json()["fill_count"] == "10.00"
    assert member.available(exchange_index=0) == 0


def test_maker_fees_only_where_the_series_has_them(venue):
    venue.exchange.add_market(MarketSpec("KXCPI-1", series="KXCPI", fee_type="quadratic_with_maker_fees"))
    member = venue.member(dollars="200")
    for ticker in (FED, "KXCPI-1"):
        member.create(ticker, "bid", "0.50", "100")
        venue.book({}, {45: 100}, ticker)
    fees = {fill.ticker: fill.fee for fill in venue.exchange.books("anna").fills}
    assert fees == {FED: 0, "KXCPI-1": dollars("0.4375")}
    assert member.get("/series/KXCPI").json()["series"]["fee_type"] == "quadratic_with_maker_fees"
    assert venue.exchange.books("anna").imbalances() == []

"""A token position's life under its bracket at Polymarket: whichever wallet signs, whichever contract settles."""

from decimal import Decimal

import pytest

from holdfast.core.bracket import BracketState, ExitSource
from holdfast.core.orders import Purpose
from holdfast.jobs.reading import LOOK_AGAIN_MS
from local.venues.polymarket import FeeSchedule, MarketSpec
from tests.jobs.polymarket_life import BOOKS, MARKET, SHARE, TokenLife, token_life

FEES = FeeSchedule(Decimal("0.04"))
BUILDER = "0x" + "5a" * 32


@pytest.mark.parametrize("outcome", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize(
    ("spec", "signature_type", "options"),
    [
        (MarketSpec(MARKET, fees=FEES), 0, {}),
        (MarketSpec(MARKET, fees=FEES), 1, {}),
        (MarketSpec(MARKET, fees=FEES), 2, {"builder": BUILDER}),
        (MarketSpec(MARKET, fees=FEES), 3, {"builder": BUILDER}),
        (MarketSpec(MARKET, fees=FEES, neg_risk=True), 3, {}),
        (MarketSpec(MARKET, fees=FEES, version="v2"), 0, {}),
        (MarketSpec(MARKET, fees=FEES, version="v2"), 3, {"builder": BUILDER}),
    ],
    ids=["key", "proxy", "safe", "deposit-wallet", "neg-risk", "exchange-v3", "exchange-v3-deposit-wallet"],
)
def test_life_is_the_same_for_every_wallet_contract_and_token(
    spec: MarketSpec, signature_type: int, options: dict[str, str], outcome: int
) -> None:
    with token_life(outcome=outcome, spec=spec, signature_type=signature_type, options=options) as lived:
        lived.enter()
        levels = lived.bracket.levels
        assert (levels.take_profit, levels.stop, levels.hard_stop) == (6_100, 4_400, 4_100)
        lived.check()
        assert lived.resting == [(61, 103)], "the budget of 100 at 53 buys 103 at 51, and all of them are offered"
        lived.market_at(43, 45)
        lived.check()
        assert lived.resting == []
        lived.until_over()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert (trade.entry_price, trade.exit_price, trade.slippage) == (5_100, 4_299, 101)


def test_take_profit_fills_at_the_venue() -> None:
    with token_life() as lived:
        lived.protected()
        lived.market_at(62, 63)
        lived.check()
        lived.until_over()
        trade = lived.assert_over(ExitSource.EXCHANGE_BRACKET_TP)
        assert trade.fees > 0, "the entry took liquidity; the take profit made it and pays nothing"


def test_take_profit_that_rests_for_an_hour_is_given_up_for_the_market() -> None:
    with token_life() as lived:
        lived.made.switch(max_limit_minutes="60")
        lived.protected()
        for _ in range(11):
            lived.check(after_ms=300_000)
        assert lived.resting == [(61, 103)]
        lived.check(after_ms=300_000)
        lived.until_over()
        lived.assert_over(ExitSource.TIME_LIMIT)


def test_entry_is_whole_cents_and_four_decimals_and_never_below_a_dollar() -> None:
    with token_life() as lived:
        lived.enter(size="7.77")
        (entry,) = lived.orders(Purpose.ENTRY)
        paid = sum(fill.part.price * fill.part.size for fill in lived.made.books.fills)
        assert entry.matched == lived.held
        assert paid <= 7_77 * 10**4 * 5_300, "never more than the size at the worst price"
        assert lived.held >= 7_77 * 10**4
        assert lived.bracket.entry.price == 5_100
    with token_life() as lived:
        lived.enter(size="1.88")
        assert lived.orders(Purpose.ENTRY) == []
        assert lived.brackets.open() == {}
        refused = lived.made.events("ENTRY_REFUSED")
        assert [event["reason"] for event in refused] == ["below_minimum"]


def test_both_tokens_of_one_market_are_two_positions_each_with_its_bracket() -> None:
    with token_life() as first:
        second = TokenLife(first.made, outcome=1)
        first.enter(size="60")
        second._asked = first._asked
        second.enter(size="60")
        first.check()
        first.check()
        assert first.brackets.open().keys() == {first.token, second.token}
        assert first.resting == [(61, 62)]
        assert second.resting == [(61, 62)]
        first.market_at(43, 45)
        first.check()
        first.until_over()
        first.assert_over(ExitSource.ARMED_STOP)
        assert second.resting == [(61, 62)], "the other token's bracket is another one"
        assert second.bracket.state is BracketState.PROTECTED
        first.market_at(38, 39)
        second.check()
        second.until_over()
        second.assert_over(ExitSource.EXCHANGE_BRACKET_TP)


def test_dust_is_sold_with_the_rest_and_what_cannot_be_sold_is_named() -> None:
    """A slice that would leave less than 5 shares takes them along; a partial fill that leaves 3 can't help it."""
    with token_life() as lived:
        lived.protected()
        lived.made.switch(max_exit_slice="43")
        lived.made.clock.sleep_ms(60_000)
        lived.market_at(43, 45)
        lived.check()
        assert lived.exits == [(103, 103)], "100 shares would be 43 dollars, and would leave 3 that nobody takes"
        lived.until_over()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert 0 < lived.dust < SHARE // 100
        assert trade.size == lived.bought


def test_part_of_an_exit_that_leaves_dust_is_closed_out_by_name() -> None:
    with token_life() as lived:
        lived.protected()
        lived.bids((43, 100), asks=((45, 500),))
        lived.check()
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)
        assert lived.exits == [(103, 100)]
        assert lived.shares == 3
        assert [event["kind"] for event in lived.made.events("LEDGER_LINE")].count("dust") == 1


@pytest.mark.parametrize("winner", [0, 1], ids=["won", "lost"])
@pytest.mark.parametrize("moment", ["held", "resting", "exiting"])
def test_market_resolves_under_a_position(winner: int, moment: str) -> None:
    with token_life(signature_type=3) as lived:
        lived.enter()
        if moment != "held":
            lived.check()
            assert lived.resting
        if moment == "exiting":
            lived.bids(asks=((45, 500),))
            lived.ask_exit()
            lived.check()
            assert lived.bracket.exit is not None
        lived.made.exchange.resolve(MARKET, winner)
        lived.until_over(25)
        trade = lived.assert_over(ExitSource.MARKET_RESOLVED)
        assert trade.order_type == "settlement"
        assert (trade.realized > 0) is (winner == 0)


def test_market_that_resolved_is_noticed_by_the_books_and_settled_within_a_minute() -> None:
    """Its rules have no close time, and results were listed every ten minutes. A calm tick asks for books alone."""
    with token_life() as lived:
        lived.protected()
        lived.check(after_ms=LOOK_AGAIN_MS)
        before = lived.made.exchange.calls.copy()
        for _ in range(3):
            lived.check()
        assert lived.made.exchange.calls - before == {BOOKS: 3}
        lived.made.exchange.resolve(MARKET, 0)
        resolved_at_ms = lived.made.clock.now_ms()
        lived.until_over(4)
        assert lived.made.clock.now_ms() - resolved_at_ms <= 90_000
        assert len(lived.made.events("BOOKS_GONE")) == 1
        lived.assert_over(ExitSource.MARKET_RESOLVED)


def test_what_won_is_redeemed_by_the_same_job() -> None:
    with token_life(signature_type=3, with_relayer=True) as lived:
        lived.made.switch(use_gasless="true")
        lived.protected()
        lived.made.exchange.resolve(MARKET, 0)
        lived.until_over(25)
        for _ in range(10):
            lived.check()
        lived.assert_over(ExitSource.MARKET_RESOLVED)
        assert lived.made.exchange.calls["POST /relayer/submit"] == 1
        assert lived.made.books.position(lived.token) == 0
        assert lived.payouts == 0

"""Redeeming through the relayer: paid once, counted once, and never submitted twice, whatever gets lost."""

from collections.abc import Iterator
from decimal import Decimal
from threading import Thread

import pytest

from holdfast.core.errors import InvalidInputError, StoreError
from holdfast.core.positions import Position
from holdfast.core.redemption import MOST_FAILURES, STILL_LISTED_MS
from holdfast.jobs.brackets import check_brackets
from local.venues.polymarket import SPLIT, Fault, FaultKind
from tests.jobs.account_world import INTERVAL_MS
from tests.jobs.redemption_world import RedemptionWorld, redemption_world

DOLLAR = 10**10
ONE_DAY_MS = 86_400_000


@pytest.fixture(params=[3, 2], ids=["deposit wallet", "safe"])
def made(request: pytest.FixtureRequest) -> Iterator[RedemptionWorld]:
    with redemption_world(request.param) as running:
        running.buy()
        running.switch(use_gasless="true")
        yield running


@pytest.fixture
def one() -> Iterator[RedemptionWorld]:
    with redemption_world() as running:
        running.buy()
        running.switch(use_gasless="true")
        yield running


def test_everything_that_won_is_redeemed_and_the_profit_is_counted_once(made: RedemptionWorld) -> None:
    made.settle()
    before = made.profit()
    assert before == made.worth(), "the settlements booked what the redemptions will pay"
    report = made.check()
    assert (report.ended, report.redeeming.redeemed, made.submits) == ("", 3, 3)
    assert (made.profit(), made.books.profit) == (before, before), "money, not profit, has moved"
    assert made.redemption_lines() == sorted(market.tokens[0] for market in made.markets)
    assert [row.payout for row in made.books.redemptions] == [10 * DOLLAR] * 3
    assert made.books.imbalances() == []
    made.check()
    assert (made.submits, made.states) == (3, ["confirmed"] * 3)


def test_market_without_a_winner_pays_half_on_either_outcome(one: RedemptionWorld) -> None:
    second = one.markets[0].tokens[1]
    one.exchange.deposit_shares("us", second, Decimal(4))
    one.settle(winner=SPLIT)
    before = one.profit()
    assert one.check().redeeming.redeemed == 3
    assert sorted(row.payout for row in one.books.redemptions) == [5 * DOLLAR, 5 * DOLLAR, 7 * DOLLAR]
    assert (one.profit(), one.books.imbalances()) == (before, [])


def test_nothing_is_redeemed_before_its_settlement_is_in_the_ledger(made: RedemptionWorld) -> None:
    """Once redeemed no list shows it, and the position would never close."""
    for market in made.markets:
        made.exchange.resolve(market.name, 0)
    made.check()
    assert made.submits == 0
    for _ in range(11):
        made.tick()
    made.check()
    assert made.submits == 3


def test_what_lost_is_left_alone(one: RedemptionWorld) -> None:
    one.settle(winner=1)
    report = one.check()
    assert (report.redeeming.redeemed, report.redeeming.left, one.submits) == (0, 0, 0)
    assert one.profit() == one.books.profit == one.worth()


def test_shares_that_holdfast_did_not_buy_are_not_redeemed(one: RedemptionWorld) -> None:
    with redemption_world() as strange:
        strange.switch(use_gasless="true")
        strange.exchange.deposit_shares("us", strange.markets[0].tokens[0], Decimal(25))
        strange.exchange.resolve("binary", 0)
        assert strange.check().redeeming.left == 0
        assert strange.submits == 0


def test_condition_that_is_booked_by_half_waits(one: RedemptionWorld) -> None:
    """Both outcomes are redeemed together, so both must be in the ledger."""
    one.settle()
    second = one.markets[0].tokens[1]
    one.exchange.deposit_shares("us", second, Decimal(5))
    one.ledger.book(one.ledger.position(second), Position(second, size=5_000_000), [])
    # Results were just listed: its own is booked by a later tick.
    one.ports.cache.settlements_read_at_ms = one.clock.now_ms() + INTERVAL_MS
    one.check()
    assert (one.submits, len(one.books.redemptions)) == (2, 2)
    one.check()
    one.check()
    assert (one.submits, len(one.books.redemptions)) == (3, 3)


def test_switched_off_it_is_left_to_the_owner_and_said_once_a_day(one: RedemptionWorld) -> None:
    one.switch(use_gasless="false")
    one.settle()
    for _ in range(3):
        assert one.check().redeeming.left == 3
    assert one.submits == 0
    said = one.events("REDEMPTION_LEFT_TO_OWNER")
    assert [(event["payout"], event["reason"]) for event in said] == [(10 * DOLLAR, "use_gasless is off")] * 3
    assert {market for event in said for market in event["markets"]} == {m.tokens[0] for m in one.markets}
    one.check(after_ms=ONE_DAY_MS)
    assert len(one.events("REDEMPTION_LEFT_TO_OWNER")) == 6


@pytest.mark.parametrize(
    ("signature_type", "with_key", "words"),
    [(0, True, "signature type 0"), (1, True, "signature type 1"), (3, False, "relayer_api_key")],
)
def test_wallets_that_cannot_be_served_are_refused_by_name(signature_type: int, with_key: bool, words: str) -> None:
    with redemption_world(signature_type, with_key=with_key) as refused:
        refused.buy()
        refused.switch(use_gasless="true")
        refused.settle()
        assert refused.check().redeeming.left == 3
        reasons = [str(event["reason"]) for event in refused.events("REDEMPTION_LEFT_TO_OWNER")]
        assert all(words in reason and "polymarket.com" in reason for reason in reasons)
        assert refused.submits == 0


def test_dry_run_sends_nothing(one: RedemptionWorld) -> None:
    one.settle()
    one.switch(dry_run="true")
    one.clock.sleep_ms(60_000)
    one.check()
    assert (one.submits, one.states) == (0, [])
    assert len(one.events("DRY_RUN_REDEMPTION")) == 3


def test_invalid_switches_submit_nothing_new(one: RedemptionWorld) -> None:
    one.settle()
    one.switch(max_open_orders="many")
    one.clock.sleep_ms(60_000)
    one.check()
    assert one.submits == 0


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_AFTER, FaultKind.MALFORMED])
def test_submit_whose_answer_is_lost_is_found_and_never_repeated(made: RedemptionWorld, kind: FaultKind) -> None:
    made.settle()
    made.exchange.faults.add(Fault(kind, "POST /relayer/submit"))
    made.check()
    made.check(after_ms=1_000)
    assert (made.submits, made.states) == (1, ["sent"]), "nothing else goes while its outcome is unknown"
    assert len(made.events("REDEMPTION_UNKNOWN")) == 1
    assert made.exchange.calls["GET /relayer/transactions"] == 0, "nobody resolves it before its deadline has passed"
    made.check()
    made.check()
    assert (made.submits, made.states) == (3, ["confirmed"] * 3)
    assert made.profit() == made.books.profit


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT_BEFORE, FaultKind.ERROR_BEFORE, FaultKind.RATE_LIMITED])
def test_submit_that_never_arrived_is_tried_again_only_when_it_cannot_take_effect(
    made: RedemptionWorld, kind: FaultKind
) -> None:
    made.settle()
    made.exchange.faults.add(Fault(kind, "POST /relayer/submit"))
    made.check()
    for _ in range(9):
        made.check()
    assert (made.submits, made.states) == (1, ["sent"])
    for _ in range(12):
        made.check()
    assert (made.submits, made.states) == (4, ["confirmed"] * 3)
    assert len(made.books.redemptions) == 3
    assert made.profit() == made.books.profit


def test_lost_answer_that_no_list_shows_is_not_repeated_once_the_holding_is_gone(one: RedemptionWorld) -> None:
    one.settle()
    one.exchange.faults.add(Fault(FaultKind.TIMEOUT_AFTER, "POST /relayer/submit"))
    one.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, "GET /relayer/transactions", times=0, status=404))
    for _ in range(20):
        one.check()
    assert (one.submits, one.states) == (3, ["confirmed"] * 3)
    assert len(one.books.redemptions) == 3


def test_crash_between_record_and_submit_ends_in_one_submit(one: RedemptionWorld) -> None:
    one.settle()

    class Crash(BaseException):
        pass

    class Crashing:
        def __init__(self, inner: object) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        def submit(self, signed: object, deadline_ms: int) -> None:
            raise Crash

    crashing = one.writer("crashing")
    crashing.redeemer = Crashing(crashing.redeemer)  # type: ignore[assignment]
    with pytest.raises(Crash):
        one.check(crashing)
    assert (one.submits, one.states) == (0, ["sent"])
    for _ in range(20):
        one.check()
    assert (one.submits, one.states) == (3, ["confirmed"] * 3)


def test_two_passes_at_once_submit_each_redemption_once(one: RedemptionWorld) -> None:
    one.settle()
    writers = [one.writer(f"w{number}") for number in range(4)]
    one.clock.sleep_ms(60_000)
    threads = [Thread(target=check_brackets, args=(one.account, ports, one.clock)) for ports in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.check()
    assert (one.submits, len(one.books.redemptions)) == (3, 3)


def test_pass_that_lost_its_lease_submits_nothing(one: RedemptionWorld) -> None:
    """Paused past its lease between the signature and the record, as a frozen process is."""
    one.settle()

    class Slow:
        def __init__(self, inner: object) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        def prepare(self, wanted: object, identity: str) -> object:
            signed = self._inner.prepare(wanted, identity)  # type: ignore[attr-defined]
            one.clock.sleep_ms(120_000)
            check_brackets(one.account, one.writer("other"), one.clock)
            return signed

    slow = one.writer("slow")
    slow.redeemer = Slow(slow.redeemer)  # type: ignore[assignment]
    report = one.check(slow)
    assert report.ended.startswith("LeaseLostError")
    assert (one.submits, len(one.books.redemptions)) == (3, 3)


def test_condition_that_cannot_be_signed_stops_no_other(one: RedemptionWorld) -> None:
    one.settle()

    class Picky:
        def __init__(self, inner: object) -> None:
            self._inner, self.refused = inner, ""

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        def prepare(self, wanted: object, identity: str) -> object:
            self.refused = self.refused or identity
            if identity == self.refused:
                raise InvalidInputError("position id", 1, "one that names an outcome")
            return self._inner.prepare(wanted, identity)  # type: ignore[attr-defined]

    picky = one.writer("picky")
    picky.redeemer = Picky(picky.redeemer)  # type: ignore[assignment]
    assert one.check(picky).ended == ""
    assert (one.submits, len(one.books.redemptions)) == (2, 2)
    assert len(one.events("REDEMPTION_NOT_PREPARED")) == 1


def test_unreadable_nonce_ends_the_attempts_of_this_pass(one: RedemptionWorld) -> None:
    one.settle()
    one.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, "GET /relayer/v1/account/transactions/params"))
    assert one.check().ended == ""
    assert (one.submits, one.states) == (0, [])
    one.check()
    assert one.states == ["confirmed"] * 3


def test_store_that_fails_after_the_submit_is_repaired_by_the_next_pass(one: RedemptionWorld) -> None:
    one.settle()

    class Failing:
        def __init__(self, inner: object) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        def write(self, write: object) -> None:
            if getattr(write, "item", {}).get("state") == "submitted":
                raise StoreError("no answer")
            self._inner.write(write)  # type: ignore[attr-defined]

    failing = one.writer("failing")
    failing.store = Failing(failing.store)  # type: ignore[assignment]
    assert one.check(failing).ended.startswith("StoreError")
    assert (one.submits, one.states) == (1, ["sent"])
    one.check()
    one.check()
    assert (one.submits, one.states) == (3, ["confirmed"] * 3)


def test_slow_transaction_is_waited_for_and_the_wallet_sends_nothing_else(made: RedemptionWorld) -> None:
    made.settle()
    made.exchange.operator.set_relaying(mined_after_ms=90_000, confirmed_after_ms=20_000)
    made.check()
    assert (made.submits, made.states) == (1, ["submitted"])
    made.check()
    assert made.submits == 1
    made.check()
    assert (made.submits, made.states) == (2, ["confirmed", "submitted"])
    for _ in range(6):
        made.check()
    assert made.states == ["confirmed"] * 3


def test_failed_transaction_backs_off_and_is_given_up_in_the_end(made: RedemptionWorld) -> None:
    made.settle()
    made.exchange.operator.set_relaying(failing=1_000)
    for _ in range(200):
        made.check()
    assert made.submits == 3 * MOST_FAILURES
    assert len(made.events("REDEMPTION_GIVEN_UP")) == 3
    reasons = {str(event["reason"]) for event in made.events("REDEMPTION_LEFT_TO_OWNER")}
    assert reasons == {f"given up after {MOST_FAILURES} failures: execution reverted"}
    assert made.profit() == made.worth()


def test_invalid_transaction_is_repeated_and_pays_once(made: RedemptionWorld) -> None:
    made.settle()
    made.exchange.operator.set_relaying(invalid=1)
    for _ in range(5):
        made.check()
    assert (made.submits, made.states) == (4, ["confirmed"] * 3)
    assert made.profit() == made.books.profit


def test_quota_of_the_relayer_is_kept_and_its_refusal_costs_no_attempt(one: RedemptionWorld) -> None:
    """Another program with the same address has used the minute up: nothing is lost, and nothing is given up."""
    one.settle()
    one.exchange._state.submits.extend([one.clock.now_ms() + 60_000] * 25)
    one.check(after_ms=60_000)
    assert (one.submits, one.states) == (1, ["failed"])
    assert one.events("RATE_LIMIT_BACKOFF")[-1]["bucket"] == "redeem"
    for _ in range(4):
        one.check()
    assert one.states == ["confirmed"] * 3
    assert not one.events("REDEMPTION_GIVEN_UP")


def test_more_shares_of_a_redeemed_condition_are_redeemed_later(one: RedemptionWorld) -> None:
    """A list that shows what was just redeemed is late; one that still shows it after ten minutes is not."""
    one.settle()
    one.check()
    one.exchange.deposit_shares("us", one.markets[0].tokens[0], Decimal(5))
    one.check()
    assert one.submits == 3
    one.check(after_ms=STILL_LISTED_MS)
    assert (one.submits, one.states) == (4, ["confirmed"] * 3)
    assert one.books.redemptions[-1].payout == 5 * DOLLAR

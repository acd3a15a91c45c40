"""Matched is not settled, and not yet sellable: a trade on its way to the chain (facts polymarket section 4)."""

from collections import Counter
from decimal import Decimal

import pytest

from holdfast.core.bracket import BracketState, ExitSource, NakedClass
from holdfast.core.orders import Purpose
from holdfast.core.positions import LedgerKind
from holdfast.core.take_profit import SELLABLE_AFTER_MS
from holdfast.telemetry.port import Level
from tests.jobs.polymarket_life import PLACE, REFRESH, SHARE, TokenLife, token_life

HOUR_MS = 3_600_000


def sent(lived: TokenLife) -> Counter[str]:
    """Orders that were posted, and balances that the venue was asked to read again."""
    calls = lived.made.exchange.calls
    return Counter({name: calls[name] for name in (PLACE, REFRESH)})


def naked(lived: TokenLife) -> list[tuple[object, Level]]:
    """Why it was said to be naked, and how loud."""
    return [(event.fields["cause"], event.level) for event in lived.made.telemetry.named("NAKED")]


@pytest.mark.parametrize(("mined_after_ms", "cached_after_ms"), [(2_000, HOUR_MS), (0, 2_000)])
def test_take_profit_of_shares_that_are_sellable_within_seconds_rests_within_the_tick_of_the_entry(
    mined_after_ms: int, cached_after_ms: int
) -> None:
    """The venue's copy of balances lags a fill (py-clob-client #290): thirty seconds without a take profit for that."""
    with token_life() as lived:
        lived.made.exchange.operator.set_settlement(mined_after_ms=mined_after_ms, cached_after_ms=cached_after_ms)
        began_ms = lived.made.clock.now_ms()
        lived.enter()
        assert lived.resting == [(61, 103)]
        assert lived.bracket.fallback == ""
        assert lived.made.clock.now_ms() - began_ms <= 1_000 + SELLABLE_AFTER_MS, "of which the first is the test's"
        assert sent(lived) == {PLACE: 3, REFRESH: 1}, "the entry, the take profit that was refused, and the next"
        (said,) = lived.made.events("TAKE_PROFIT_WATCHED")
        assert (said["why"], said["again_in_ms"]) == ("refused: insufficient_balance", SELLABLE_AFTER_MS)
        lived.check()
        assert sent(lived)[PLACE] == 3
        assert lived.resting == [(61, 103)]
        assert lived.bracket.state is BracketState.PROTECTED


def test_position_is_naked_while_the_venue_has_no_shares_that_a_stop_could_sell() -> None:
    """What it refuses to a take profit it would refuse to a stop. Seconds after an entry are nobody's alarm."""
    with token_life() as lived:
        made = lived.made
        made.exchange.operator.set_settlement(mined_after_ms=40_000, cached_after_ms=HOUR_MS)
        lived.enter()
        assert lived.bracket.naked.cause is NakedClass.NOT_SELLABLE
        assert naked(lived) == [("not_sellable", Level.INFO), ("not_sellable", Level.WARNING)]
        assert made.events("NAKED")[-1]["total_ms"] == SELLABLE_AFTER_MS, "for so long already"
        assert made.telemetry.total("NakedPositions") == 0, "what alarms counts what a check finds"
        began_ms = lived.bracket.naked.since_ms
        report = lived.check(after_ms=10_000)
        assert dict(report.protecting.naked) == {NakedClass.NOT_SELLABLE: 1}
        assert made.telemetry.total("NakedPositions") == 1
        lived.check()
        assert lived.resting == [(61, 103)]
        assert lived.bracket.naked.cause is None, "it rests, so the shares are there"
        assert lived.bracket.naked.total_ms == made.clock.now_ms() - began_ms
        assert made.events("NAKED")[-1]["cause"] == ""
        lived.market_at(43, 45)
        lived.until_over()
        assert lived.assert_over(ExitSource.ARMED_STOP).naked_ms >= 40_000


def test_seconds_that_the_shares_of_an_entry_take_are_measured_and_alarm_nobody() -> None:
    with token_life() as lived:
        lived.made.exchange.operator.set_settlement(mined_after_ms=2_000, cached_after_ms=HOUR_MS)
        lived.enter()
        assert lived.resting == [(61, 103)]
        assert naked(lived) == [("not_sellable", Level.INFO), ("", Level.INFO)]
        assert lived.bracket.naked.total_ms == SELLABLE_AFTER_MS
        assert lived.made.telemetry.total("NakedPositions") == 0


def test_take_profit_of_shares_that_are_not_sellable_for_long_is_watched_and_placed_by_a_later_check() -> None:
    with token_life() as lived:
        lived.made.exchange.operator.set_settlement(mined_after_ms=30_000, cached_after_ms=HOUR_MS)
        began_ms = lived.made.clock.now_ms()
        lived.enter()
        assert lived.resting == []
        assert lived.made.clock.now_ms() - began_ms <= 1_000 + SELLABLE_AFTER_MS, "one wait, however long it lasts"
        assert sent(lived) == {PLACE: 3, REFRESH: 1}
        assert lived.bracket.fallback == "refused: insufficient_balance"
        said = lived.made.events("TAKE_PROFIT_WATCHED")
        assert [event["again_in_ms"] for event in said] == [SELLABLE_AFTER_MS, 0], "it is left to the next check"
        assert lived.check(after_ms=10_000).protecting.passes == 1, "nobody waits a second time"
        assert lived.resting == [], "not on the chain yet: reading it again does not help"
        assert sent(lived) == {PLACE: 4, REFRESH: 2}
        lived.check()
        assert lived.resting == [(61, 103)], "once it is on the chain, the venue reads it because we ask it to"
        assert lived.bracket.fallback == ""
        assert lived.bracket.state is BracketState.PROTECTED


def test_take_profit_of_what_a_second_entry_bought_waits_for_its_shares_beside_the_first_one() -> None:
    with token_life() as lived:
        lived.made.switch(further_entries="merge")
        lived.protected(size="50")
        lived.check()
        before = sent(lived)
        lived.made.exchange.operator.set_settlement(mined_after_ms=11_000)
        lived.enter(size="40")
        assert len(lived.resting) == 1, "ten seconds until it is certain what lacks, and then the venue has it not yet"
        assert lived.bracket.fallback == "refused: insufficient_balance"
        assert sent(lived)[PLACE] - before[PLACE] == 2
        for _ in range(2):
            lived.check()
        assert sum(size for _, size in lived.resting) == lived.shares - 1


def test_stop_that_is_due_while_a_take_profit_waits_for_its_shares_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait ends with a look at the market, not with the order that it was for."""
    with token_life() as lived:
        clock = lived.made.clock
        entered_ms, sleep_ms = clock.now_ms() + 1_000, clock.sleep_ms

        def falls(duration_ms: int) -> None:
            sleep_ms(duration_ms)
            if clock.now_ms() > entered_ms + 1_000:
                lived.market_at(43, 45)

        monkeypatch.setattr(clock, "sleep_ms", falls)
        lived.enter()
        assert [sold for _, sold in lived.exits] == [103]
        assert lived.resting == []
        assert sent(lived)[PLACE] == 3, "the entry, the take profit that was refused, and the stop"


def test_take_profit_that_only_we_watch_is_sold_by_us() -> None:
    with token_life() as lived:
        lived.made.exchange.operator.set_settlement(mined_after_ms=HOUR_MS)
        lived.enter()
        lived.made.exchange.operator.set_settlement(mined_after_ms=0)
        lived.market_at(62, 64)
        lived.check()
        assert lived.bracket.exit is not None
        assert lived.bracket.exit.source is ExitSource.POSITION_MONITOR_TP


def test_stop_of_shares_that_are_not_sellable_yet_is_tried_until_flat() -> None:
    with token_life() as lived:
        lived.made.exchange.operator.set_settlement(mined_after_ms=100_000, cached_after_ms=HOUR_MS)
        lived.enter()
        lived.market_at(43, 45)
        lived.check()
        exit = lived.bracket.exit
        assert exit is not None
        assert (exit.source, lived.bracket.naked.cause) == (ExitSource.ARMED_STOP, NakedClass.NOT_SELLABLE)
        assert exit.failures >= 3
        assert lived.bracket.state is BracketState.ATTENTION, "a person is called, and it goes on"
        refreshes = lived.made.exchange.calls[REFRESH]
        assert 0 < refreshes <= exit.failures + 1, "once for each refusal: 5 a second are allowed"
        lived.until_over()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert lived.exits == [(103, 103)], "every earlier one was refused, and the exchange took none of them"
        assert trade.attempts > 3
        assert trade.naked_ms >= 60_000


def test_settled_part_is_sold_first() -> None:
    with token_life() as lived:
        lived.made.switch(further_entries="merge")
        lived.protected(size="50")
        lived.check()
        lived.made.exchange.operator.set_settlement(mined_after_ms=200_000, cached_after_ms=HOUR_MS)
        lived.enter(size="40")
        held = lived.held
        lived.market_at(43, 45)
        lived.check()
        assert [sold for _, sold in lived.exits if sold] == [51], "what the first entry bought is on the chain"
        assert lived.held == held - lived.orders(Purpose.EXIT)[0].matched
        lived.until_over(20)
        lived.assert_over(ExitSource.ARMED_STOP)


def test_entry_trade_that_fails_shrinks_the_take_profit() -> None:
    """Two trades, two prices; the venue offers what it believes we own, so both rest. One never happened."""
    with token_life() as lived:
        lived.made.exchange.deposit_shares("us", lived.token, Decimal(200))
        lived.made.exchange.operator.set_settlement(mined_after_ms=70_000)
        lived.made.exchange.operator.fail_trades(1)
        lived.bids((49, 500), asks=((51, 60), (52, 500)))
        lived.enter()
        bought = lived.shares
        lived.check()
        assert sum(size for _, size in lived.resting) == bought
        for _ in range(4):
            lived.check()
        assert lived.shares == bought - 60
        assert sum(size for _, size in lived.resting) == lived.shares
        assert LedgerKind.REVERSAL in {line.kind for line in lived.made.ledger.lines()}
        assert lived.made.books.position(lived.token) == lived.held + 200 * SHARE, "what was there before is untouched"
        lived.made.exchange.deposit_shares("us", lived.token, Decimal(-200))
        lived.market_at(43, 45)
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_entry_that_fails_whole_leaves_nothing_and_sells_nothing() -> None:
    with token_life() as lived:
        lived.made.exchange.deposit_shares("us", lived.token, Decimal(200))
        lived.made.exchange.operator.set_settlement(mined_after_ms=70_000)
        lived.made.exchange.operator.fail_trades(1)
        lived.enter()
        lived.check()
        assert lived.resting == [(61, 103)]
        for _ in range(3):
            lived.check()
        assert lived.resting == []
        assert lived.made.books.position(lived.token) == 200 * SHARE, "what was there before is untouched"
        lived.made.exchange.deposit_shares("us", lived.token, Decimal(-200))
        lived.until_over()
        assert lived.held == 0
        assert lived.trades == []
        assert lived.made.events("ENTRY_EMPTY")
        lived.assert_ledger()


def test_take_profit_that_sold_what_then_was_never_bought_is_said_and_nothing_is_bought_for_it() -> None:
    """Only somebody else's shares in the same wallet make that possible; a token can't be sold short."""
    with token_life() as lived:
        lived.made.exchange.deposit_shares("us", lived.token, Decimal(200))
        lived.made.exchange.operator.set_settlement(mined_after_ms=70_000)
        lived.made.exchange.operator.fail_trades(1)
        lived.enter()
        lived.may_sell_others = True
        lived.taken(61, 104)
        for _ in range(8):
            lived.check()
        assert (lived.bracket.state, lived.bracket.disputed) == (BracketState.ATTENTION, "more was sold than was held")
        assert lived.made.exchange.calls["POST /order"] == 2, "the entry and its take profit"
        assert lived.shares == -104


def test_exit_trade_that_fails_brings_the_position_back_under_the_same_bracket_and_it_is_sold_again() -> None:
    """accepted is not filled, filled is not settled: closed on the match, the position would come back naked."""
    with token_life() as lived:
        lived.protected()
        lived.made.exchange.operator.set_settlement(mined_after_ms=160_000, confirmed_after_ms=5_000)
        lived.made.exchange.operator.fail_trades(1)
        before = lived.bracket.bracket_id
        lived.market_at(43, 45)
        lived.check()
        assert lived.held < SHARE
        assert lived.bracket.bracket_id == before
        assert lived.bracket.state is BracketState.EXITING
        assert lived.trades == []
        for _ in range(5):
            lived.check()
        assert lived.bracket.state is BracketState.EXITING, "minutes on the way to the chain are no disagreement"
        lived.check()
        assert len([1 for _, sold in lived.exits if sold]) == 2, "sold again as soon as it was back"
        lived.until_over()
        trade = lived.assert_over(ExitSource.ARMED_STOP)
        assert trade.bracket_id == before
        assert not lived.made.events("POSITION_ADOPTED")


def test_take_profit_trade_that_fails_is_protected_again() -> None:
    with token_life() as lived:
        lived.protected()
        lived.made.exchange.operator.set_settlement(mined_after_ms=40_000, confirmed_after_ms=5_000)
        lived.made.exchange.operator.fail_trades(1)
        lived.taken(61, 104)
        lived.check()
        assert lived.bracket.state is BracketState.PROTECTED
        assert lived.trades == []
        for _ in range(4):
            lived.check()
        assert lived.resting == [(61, 103)]
        lived.made.exchange.operator.set_settlement(mined_after_ms=2_000, confirmed_after_ms=2_000)
        lived.market_at(43, 45)
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)
        assert len(lived.orders(Purpose.TAKE_PROFIT)) == 2


def test_sale_that_does_not_settle_is_said_and_closes_nothing() -> None:
    with token_life() as lived:
        lived.protected()
        lived.made.exchange.operator.set_settlement(mined_after_ms=HOUR_MS)
        lived.market_at(43, 45)
        for _ in range(9):
            lived.check()
        assert lived.made.events("SETTLEMENT_LATE") == []
        for _ in range(50):
            lived.check()
        assert 4 <= len(lived.made.events("SETTLEMENT_LATE")) <= 6, "every five minutes"
        assert lived.trades == []
        assert lived.bracket.state is BracketState.EXITING
        lived.made.clock.sleep_ms(HOUR_MS)
        lived.until_over()
        lived.assert_over(ExitSource.ARMED_STOP)


def test_what_is_left_in_the_wallet_is_sold_although_some_of_it_is_gone() -> None:
    """A person sold or moved 50 of our shares by hand: the exit of all of them would be refused for ever."""
    with token_life() as lived:
        lived.protected()
        lived.may_sell_others = True
        lived.made.exchange.deposit_shares("us", lived.token, Decimal(-50))
        lived.check()
        assert lived.resting == [], "the venue cancelled what was no longer covered"
        lived.market_at(43, 45)
        lived.check()
        assert lived.exits == [(53, 53)]
        for _ in range(3):
            lived.check()
        assert lived.bracket.state is BracketState.ATTENTION, "and somebody has to say where the others are"
        assert lived.made.books.position(lived.token) < SHARE

"""What the demo prints at its end. Every number comes from the ticks' own reports or from the exchanges' counters."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.telemetry.port import Level
from local.demo.account import DemoAccount
from local.demo.comparison import Comparison, Pair
from local.demo.protection import protection_failures
from local.demo.protection_summary import (
    Row,
    cash_rows,
    checked_words,
    cost_rows,
    dust_words,
    source_rows,
    trade_rows,
)
from local.demo.tables import equality, filled, table_of
from local.demo.wording import amount, counted, dollars, duration, share
from local.demo.world import CHECK_SECONDS, QUOTES, START_MS, World

_STYLES = {Level.INFO: "", Level.WARNING: "yellow", Level.ERROR: "bold red"}
_MONEY = (
    ("fees", "fees paid"),
    ("realized", "realised before fees"),
    ("paid_out", "paid out by results"),
    ("cost", "cost of what is still held"),
)


class Summary:
    """Prints a finished demo in sections; in each of them every account."""

    def __init__(self, console: Console, world: World, one_by_one: bool) -> None:
        self._console = console
        self._world = world
        self._accounts = world.accounts
        self._one_by_one = one_by_one
        self._comparisons: dict[str, Comparison] = {a.venue.name: a.comparison() for a in world.accounts}

    def show(self) -> None:
        """Print every section."""
        self._show_calls()
        self._show_orders()
        self._show_not_found()
        self._show_events()
        self._show_positions()
        for account in self._accounts:
            self._show_instruments(account)
        self._show_totals()
        self._show_notes()

    def _show_calls(self) -> None:
        self._heading("API calls")
        table = table_of("venue", "calls", "sent", "one by one", "saved", texts=2)
        for account in self._accounts:
            for index, (name, sent, alone) in enumerate(_calls(account)):
                title = account.venue.title if not index else ""
                table.add_row(title, name, f"{sent:,}", f"{alone:,}", _saved(sent, alone))
        self._console.print(table)
        if self._one_by_one:
            self._say("Batches were switched off (--one-by-one), so nothing is saved.")
        for account in self._accounts:
            self._show_budget(account)

    def _show_budget(self, account: DemoAccount) -> None:
        tally, bucket = account.tally, account.venue.write_bucket
        elapsed_ms = account.ticked_at_ms - START_MS
        granted = bucket.capacity + bucket.refill * elapsed_ms // 1000
        spent = account.telemetry.sums["RateLimitTokens", (("bucket", "write"),)]
        waits = sum(count for (name, _), count in tally.events.items() if name == "RATE_LIMIT")
        self._say(
            f"{account.venue.title}: {spent:,} write tokens spent of the {granted:,} that the tier granted in "
            f"{duration(elapsed_ms)} ({share(spent, granted)}). Answers 429: {account.venue.calls().refused}. "
            f"Waits for tokens: {waits}, {tally.waited_ms:,} ms of market time in all."
        )

    def _show_orders(self) -> None:
        self._heading("Orders")
        rows: tuple[tuple[str, Callable[[DemoAccount], str]], ...] = (
            ("placed", lambda a: f"{a.tally.placed:,}"),
            ("kept as they were, tick after tick", lambda a: f"{a.tally.kept:,}"),
            ("renewed or reduced in place", lambda a: f"{a.tally.changed:,}"),
            ("cancelled", lambda a: f"{a.tally.canceled:,}"),
            ("fills", lambda a: f"{self._total(a).exchange.fills:,}"),
            ("contracts or shares traded", lambda a: amount(self._total(a).exchange.volume, a.venue.scale)),
            ("fees", lambda a: dollars(self._total(a).exchange.fees, a.venue.scale)),
            (
                f"quoted {' and '.join(_instruments(a) for a in self._accounts)} that reached {QUOTES['max_position']}",
                _limited,
            ),
            ("left to a later tick for want of tokens", lambda a: f"{a.tally.left:,}"),
            ("writes of unknown outcome", lambda a: f"{a.tally.unknown:,}"),
            ("of these still unknown at the end", lambda a: f"{a.report.unresolved:,}"),
        )
        table = table_of("", *(account.venue.title for account in self._accounts))
        for name, of in rows:
            table.add_row(name, *(of(account) for account in self._accounts))
        self._console.print(table)
        for account in self._accounts:
            self._show_trouble(account)

    def _show_trouble(self, account: DemoAccount) -> None:
        tally, title = account.tally, account.venue.title
        refused = ", ".join(f"{count} {reason.value}" for reason, count in tally.refused.most_common()) or "none"
        halts = ", ".join(f"{reason} (ticks: {count})" for reason, count in tally.halts.most_common()) or "none"
        self._say(f"{title}: refused: {refused}. Halts: {halts}.")
        if failed := account.venue.books().failed:
            booked = account.taken_back()
            self._say(
                f"{title}: fills whose trade failed to settle: {failed}. The ledger had booked {booked} of them, "
                "and took them back."
            )
        for words, count in tally.ended_early.most_common():
            self._say(f"{title}: ticks that ended early: {count} ({words}).", "yellow")

    def _show_not_found(self) -> None:
        misses = {account.venue.name: account.venue.misses() for account in self._accounts}
        answers = ", ".join(f"{account.venue.title}: {account.venue.not_found}" for account in self._accounts)
        self._heading(f"Cancels that found no resting order ({answers})")
        table = table_of("cause", *(account.venue.title for account in self._accounts))
        wasted = [len(account.tally.wasted_cancels) for account in self._accounts]
        style = "bold red" if any(wasted) else "green"
        table.add_row("we knew that the order was over (must be 0)", *map(str, wasted), style=style)
        causes = sum((of.cancels for of in misses.values()), start=type(next(iter(misses.values())).cancels)())
        for cause, _ in causes.most_common():
            table.add_row(cause, *(str(misses[account.venue.name].cancels[cause]) for account in self._accounts))
        self._console.print(table)
        for account in self._accounts:
            if late := misses[account.venue.name].others:
                self._say(f"{account.venue.title}: {late} renewals and reductions came late too: the quote was over.")

    def _show_events(self) -> None:
        self._heading("Events")
        for account in self._accounts:
            by_count = sorted(account.tally.events.items(), key=lambda row: (-row[1], row[0]))
            for level, style in _STYLES.items():
                words = ", ".join(f"{name} {count:,}" for (name, at), count in by_count if at is level)
                self._say(f"{account.venue.title}, {level.value}: {words or 'none'}", style if words else "")

    def _show_positions(self) -> None:
        """Every trade under a bracket, which layers exited, and what protecting took."""
        accounts = [account for account in self._accounts if account.entered]
        for account in accounts:
            self._heading(f"{account.venue.title}: positions under brackets, closed")
            if rows := trade_rows(account):
                self._show_rows(rows, ("market", "entry", "exit", "exit source", "slip ¢", "naked s"))
            else:
                self._say("none")
        if not accounts:
            return
        self._heading("Exits by source, and what protecting took")
        table = table_of("", *(account.venue.title for account in accounts))
        for source, counts in source_rows(accounts):
            table.add_row(source, *counts)
        for words, of in cost_rows():
            table.add_row(words, *(of(account) for account in accounts), style="dim")
        self._console.print(table)
        for account in accounts:
            if not protection_failures(account, account.ledger.lines()):
                self._say(checked_words(account), "bold green")

    def _show_rows(self, rows: Sequence[Row], narrow: Sequence[str]) -> None:
        """A table, on a narrow terminal of these columns only."""
        table = filled(list(rows[0]), rows)
        self._console.print(table if self._fits(table) else filled(narrow, rows))

    def _show_instruments(self, account: DemoAccount) -> None:
        venue, scale, tally = account.venue, account.venue.scale, account.tally
        result = self._result(account)
        self._heading(f"{venue.title}: {result} by {venue.instrument_noun}")
        labels = {instrument.market: instrument.label for instrument in venue.instruments}
        rows: list[Row] = []
        for pair in self._comparisons[venue.name].pairs:
            ours, theirs = pair.ledger, pair.exchange
            rows.append(
                {
                    venue.instrument_noun: labels.get(pair.market, pair.market),
                    "result": venue.result(pair.market) if pair.market in labels else "",
                    "fills": str(ours.fills),
                    venue.noun: amount(ours.volume, scale),
                    "most held": amount(tally.most_held.get(pair.market, 0), scale),
                    "held": amount(ours.size, scale),
                    "fees": dollars(ours.fees, scale, 4),
                    "paid out": dollars(ours.paid_out, scale),
                    f"{result} ledger": dollars(ours.cash, scale, 6),
                    f"{result} exchange": dollars(theirs.cash, scale, 6),
                    "": equality(not pair.differences),
                }
            )
        narrow = (venue.instrument_noun, "fills", "held", f"{result} ledger", f"{result} exchange", "")
        self._show_rows(rows, narrow)

    def _show_totals(self) -> None:
        self._heading("P&L: our ledger and the exchanges' own books")
        table = table_of("venue", "", "ledger", "exchange", "", texts=2)
        for account in self._accounts:
            for index, row in enumerate(self._total_rows(account)):
                table.add_row(account.venue.title if not index else "", *row)
        self._console.print(table)
        for account in self._accounts:
            venue, comparison = account.venue, self._comparisons[account.venue.name]
            if unredeemed := account.books().unredeemed:
                self._say(
                    f"{venue.title}: {dollars(unredeemed, venue.scale, 6)} on the exchange's side is winning "
                    "shares that are not redeemed yet, at $1 each."
                )
            if words := dust_words(account):
                self._say(words)
            if comparison.is_equal:
                unit = dollars(1, venue.scale, venue.scale.money_decimals)
                self._say(
                    f"{venue.title}: equal to the last unit ({unit}), in total and in each of "
                    f"{counted(len(comparison.pairs), venue.instrument_noun)}.",
                    "bold green",
                )

    def _total_rows(self, account: DemoAccount) -> list[tuple[str | Text, ...]]:
        venue, total = account.venue, self._total(account)
        cash = "cash in and out" if self._result(account) == "cash" else "P&L (cash in and out)"
        money = [(words, getattr(total.ledger, name), getattr(total.exchange, name)) for name, words in _MONEY]
        parts = cash_rows(account, self._comparisons[venue.name]) if account.entered else []
        rows: list[tuple[str | Text, ...]] = [
            (words, dollars(ours, venue.scale, 6), dollars(theirs, venue.scale, 6), equality(ours == theirs))
            for words, ours, theirs in ((cash, total.ledger.cash, total.exchange.cash), *parts, *money)
        ]
        held = f"{venue.noun} still held" + (", net" if venue.one else "")
        for name, words in (("volume", f"{venue.noun} traded"), ("size", held)):
            ours, theirs = getattr(total.ledger, name), getattr(total.exchange, name)
            rows.append((words, amount(ours, venue.scale), amount(theirs, venue.scale), equality(ours == theirs)))
        return rows

    def _show_notes(self) -> None:
        self._heading("How to read this")
        for note in (
            *self._world.tape.notes,
            *(note for account in self._accounts for note in account.venue.notes()),
            "Naked: seconds in which no stop of ours could have been sent at a known price. Brackets are checked every "
            f"{CHECK_SECONDS} s here, so a stop sells where the market is by then: that is its slippage (below 0: a "
            "gain).",
            "It shows how orders are executed, protected and booked. Quoting and entering these markets with the "
            "sample parameters is not meant to earn money.",
        ):
            self._say(f"- {note}", "dim")

    def _total(self, account: DemoAccount) -> Pair:
        return self._comparisons[account.venue.name].total

    def _result(self, account: DemoAccount) -> str:
        """What the cash that came in is: the P&L, once nothing is held."""
        pairs = self._comparisons[account.venue.name].pairs
        return "cash" if any(pair.exchange.size for pair in pairs) else "P&L"

    def _fits(self, table: Table) -> bool:
        return self._console.measure(table, options=self._console.options.update(max_width=1_000)).maximum <= (
            self._console.width
        )

    def _heading(self, words: str) -> None:
        self._console.print()
        self._console.print(Text(words, style="bold"))

    def _say(self, words: str, style: str = "") -> None:
        self._console.print(Text(words, style=style))


def _calls(account: DemoAccount) -> list[tuple[str, int, int]]:
    """What was sent, and what the same plans would have taken one by one."""
    tally, calls = account.tally, account.venue.calls()
    changes = calls.changes - tally.protective_changes
    rows = [("orders placed and cancelled", tally.requests - changes, tally.operations - changes)]
    if changes:
        rows.append(("renewed or reduced (no batch exists)", changes, changes))
    if account.entered:
        rows.append(("exits and take profits", tally.protective_requests, tally.protective_operations))
    rows.append(("reads, the same either way", calls.reads, calls.reads))
    sent = tally.requests + tally.protective_requests + calls.reads
    return [*rows, ("all", sent, tally.operations + tally.protective_operations + calls.reads)]


def _instruments(account: DemoAccount) -> str:
    return f"{account.venue.instrument_noun}s"


def _limited(account: DemoAccount) -> str:
    limit = account.venue.scale.size(str(QUOTES["max_position"]))
    limited = sum(account.tally.most_held.get(each.market, 0) >= limit for each in account.quoted)
    return f"{limited} of {len(account.quoted)}"


def _saved(sent: int, alone: int) -> str:
    return share(alone - sent, alone) if alone > sent else "-"

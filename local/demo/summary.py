"""What the demo prints at its end. Every number comes from the ticks' own reports or from the exchange's counters."""

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.telemetry.port import Level
from holdfast.venues.kalshi.wire import SCALE
from local.demo.comparison import Comparison
from local.demo.screen import contracts, dollars, duration
from local.demo.tally import Tally
from local.demo.world import QUOTES, START_MS, World
from local.venues.kalshi.records import MissCause

_CHANGES = ("/amend", "/decrease")
_CAUSES = {
    MissCause.EXECUTED: "a fill had been faster than our cancel",
    MissCause.EXPIRED: "the quote had expired",
    MissCause.ALREADY_CANCELED: "cancelled before",
    MissCause.ENDED_BY_EXCHANGE: "ended by the exchange",
    MissCause.WRONG_SHARD: "asked on the wrong shard",
    MissCause.WRONG_SUBACCOUNT: "asked on the wrong subaccount",
    MissCause.NEVER_EXISTED: "never existed",
}
_STYLES = {Level.INFO: "", Level.WARNING: "yellow", Level.ERROR: "bold red"}
_WIDE = 112


class Summary:
    """Prints a finished demo in sections."""

    def __init__(self, console: Console, world: World, tally: Tally, comparison: Comparison, one_by_one: bool) -> None:
        self._console = console
        self._world = world
        self._tally = tally
        self._comparison = comparison
        self._one_by_one = one_by_one

    def show(self) -> None:
        """Print every section."""
        self._show_calls()
        self._show_orders()
        self._show_not_found()
        self._show_events()
        self._show_markets()
        self._show_totals()
        self._show_notes()

    def failures(self) -> list[str]:
        """What must not be so, in words; empty when all is well."""
        found = list(self._comparison.problems)
        for pair in self._comparison.pairs:
            found += [f"{pair.market}: {difference}" for difference in pair.differences]
        if self._tally.wasted_cancels:
            found.append(f"{len(self._tally.wasted_cancels)} cancels of orders whose end had been acknowledged")
        resting = len(self._world.books().open_orders)
        if resting:
            found.append(f"{resting} orders still rest at the exchange")
        return found

    def _show_calls(self) -> None:
        tally, calls = self._tally, self._world.exchange.calls
        changes = sum(count for endpoint, count in calls.items() if endpoint.endswith(_CHANGES))
        reads = sum(count for endpoint, count in calls.items() if endpoint.startswith("GET "))
        self._heading("API calls")
        table = _table("", "sent", "one by one", "saved")
        orders = (tally.requests - changes, tally.operations - changes)
        for name, sent, alone in (
            ("orders placed and cancelled", *orders),
            ("quotes renewed or reduced (no batch exists)", changes, changes),
            ("reads, the same either way", reads, reads),
            ("all", tally.requests + reads, tally.operations + reads),
        ):
            table.add_row(name, f"{sent:,}", f"{alone:,}", _saved(sent, alone))
        self._console.print(table)
        if self._one_by_one:
            self._say("Batches were switched off (--one-by-one), so nothing is saved.")
        self._show_budget()

    def _show_budget(self) -> None:
        world, tally = self._world, self._tally
        elapsed_ms = world.clock.now_ms() - START_MS
        budget = world.write_budget
        granted = budget.bucket_capacity + budget.refill_rate * elapsed_ms // 1000
        spent = world.telemetry.sums["RateLimitTokens", (("bucket", "write"),)]
        waits = sum(count for (name, _), count in tally.events.items() if name == "RATE_LIMIT")
        self._say(
            f"Write tokens: {spent:,} spent of the {granted:,} that the tier granted in {duration(elapsed_ms)} "
            f"({_percent(spent, granted)}). Answers 429: {world.exchange.rate_limited.total()}. "
            f"Waits for tokens: {waits}, {tally.waited_ms} ms of market time in all."
        )

    def _show_orders(self) -> None:
        tally, total = self._tally, self._comparison.total.exchange
        self._heading("Orders")
        self._say(
            f"{tally.placed:,} placed, {tally.kept:,} times kept as they were, {tally.changed:,} renewed or reduced, "
            f"{tally.canceled:,} cancelled; {total.fills:,} fills of {contracts(total.volume)} contracts, "
            f"{dollars(total.fees)} fees."
        )
        limit = SCALE.size(str(QUOTES["max_position"]))
        limited = sum(held >= limit for held in tally.most_held.values())
        self._say(
            f"The inventory reached its limit of {contracts(limit)} contracts in {limited} of "
            f"{len(self._world.tape.markets)} markets."
        )
        refused = ", ".join(f"{count} {reason.value}" for reason, count in tally.refused.most_common()) or "none"
        self._say(f"Refused: {refused}. Left to a later tick for want of tokens: {tally.left}.")
        halts = ", ".join(f"{reason} (ticks: {count})" for reason, count in tally.halts.most_common()) or "none"
        self._say(f"Unknown outcomes: {tally.unknown}. Halts: {halts}.")
        for words, count in tally.ended_early.most_common():
            self._say(f"Ticks that ended early: {count} ({words}).", "yellow")

    def _show_not_found(self) -> None:
        misses = self._world.exchange.misses
        cancels = Counter(miss.cause for miss in misses if miss.operation == "cancel")
        self._heading("Cancels answered 404")
        table = _table("cause", "cancels")
        wasted = len(self._tally.wasted_cancels)
        words = "we knew that the order was over (must be 0)"
        table.add_row(words, str(wasted), style="bold red" if wasted else "green")
        for cause, count in cancels.most_common():
            table.add_row(_CAUSES[cause], str(count))
        self._console.print(table)
        late = len(misses) - cancels.total()
        if late:
            self._say(f"Renewals and reductions answered 404, because the quote was over: {late}.")

    def _show_events(self) -> None:
        self._heading("Events")
        by_count = sorted(self._tally.events.items(), key=lambda row: (-row[1], row[0]))
        for level, style in _STYLES.items():
            words = ", ".join(f"{name} {count:,}" for (name, at), count in by_count if at is level)
            self._say(f"{level.value}: {words or 'none'}", style if words else "")

    @property
    def _result(self) -> str:
        """What the cash that came in is: the P&L, once nothing is held."""
        return "Cash" if any(pair.exchange.size for pair in self._comparison.pairs) else "P&L"

    def _show_markets(self) -> None:
        result = self._result
        self._heading(f"{result} by market")
        results = {market.ticker: market.result or "" for market in self._world.tape.markets}
        settled = {row.ticker for row in self._world.books().settlements}
        rows: list[dict[str, str | Text]] = []
        for pair in self._comparison.pairs:
            ours, theirs = pair.ledger, pair.exchange
            rows.append(
                {
                    "market": pair.market,
                    "result": results.get(pair.market, "") if pair.market in settled else "",
                    "fills": str(ours.fills),
                    "contracts": contracts(ours.volume),
                    "most held": contracts(self._tally.most_held.get(pair.market, 0)),
                    "held": contracts(ours.size),
                    "fees": dollars(ours.fees, 4),
                    "settled": dollars(ours.paid_out),
                    f"{result} ledger": dollars(ours.cash, 6),
                    f"{result} exchange": dollars(theirs.cash, 6),
                    "": _equal(not pair.differences),
                }
            )
        narrow = ("market", "fills", "held", f"{result} ledger", f"{result} exchange", "")
        shown = [name for name in rows[0] if self._console.width >= _WIDE or name in narrow]
        table = _table(*shown)
        for row in rows:
            table.add_row(*(row[name] for name in shown))
        self._console.print(table)

    def _show_totals(self) -> None:
        total = self._comparison.total
        self._heading(f"{self._result}: our ledger and the exchange's own books")
        table = _table("", "ledger", "exchange", "")
        for name, words in (
            ("cash", "cash in and out" if self._result == "Cash" else "P&L (cash in and out)"),
            ("fees", "fees paid"),
            ("realized", "realised before fees"),
            ("paid_out", "paid out by settlements"),
            ("cost", "cost of what is still held"),
        ):
            ours, theirs = getattr(total.ledger, name), getattr(total.exchange, name)
            table.add_row(words, dollars(ours, 6), dollars(theirs, 6), _equal(ours == theirs))
        for name, words in (("volume", "contracts traded"), ("size", "contracts still held, net")):
            ours, theirs = getattr(total.ledger, name), getattr(total.exchange, name)
            table.add_row(words, contracts(ours), contracts(theirs), _equal(ours == theirs))
        self._console.print(table)
        markets = len(self._comparison.pairs)
        if self._comparison.is_equal:
            self._say(f"Equal to the last unit ($0.000001), in total and in each of {markets} markets.", "bold green")

    def _show_notes(self) -> None:
        self._heading("How to read this")
        for note in (
            *self._world.tape.notes,
            "Every market charges maker fees (quadratic_with_maker_fees), the dearer of Kalshi's schedules.",
            "It shows how orders are executed and booked. Quoting these markets every few seconds with the sample "
            "parameters is not meant to earn money.",
        ):
            self._say(f"- {note}", "dim")

    def _heading(self, words: str) -> None:
        self._console.print()
        self._console.print(Text(words, style="bold"))

    def _say(self, words: str, style: str = "") -> None:
        self._console.print(Text(words, style=style))


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index and heading else "left", no_wrap=True)
    return table


def _equal(equal: bool) -> Text:
    return Text("equal", style="green") if equal else Text("DIFFERENT", style="bold red")


def _saved(sent: int, alone: int) -> str:
    return _percent(alone - sent, alone) if alone > sent else "-"


def _percent(part: int, whole: int) -> str:
    return f"{part * 1000 / whole / 10:.1f} %" if whole else ""

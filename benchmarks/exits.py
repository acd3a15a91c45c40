"""The exit decision: one batch of quotes, one decision for every bracket, on book and bracket objects that are there.

Peers' figures are theirs by our earlier measurement on a machine of the same kind; they are not run here, and what they
do for one message or position differs: Nautilus also runs cache, message bus and risk engine.
"""

from msgspec import structs

from benchmarks.measure import take_turns, verdict
from holdfast.core.book import OrderBook
from holdfast.core.bracket import Bracket, BracketState, Entry, ExitMode, Levels
from holdfast.core.exits import ExitRules, decide
from holdfast.core.legs import NO_LEGS, Legs, RestingLeg
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side
from holdfast.core.marks import mark_of
from holdfast.core.scale import Scale

BRACKETS = 1_000
ROUNDS = 200
TARGET_MS = 5
ALL_EXIT_TARGET_MS = 10
NOW_MS = 1_700_000_000_000
ONE = 10_000
RULES = ExitRules(scale=Scale(4, 2), stale_after_ms=60_000, max_spread=1_000, one=ONE, max_position_ms=86_400_000)
LEVELS = Levels(7_000, 5_300, 5_300, 5_000, trailing_activation=6_500, trailing_distance=300)

PEERS = (
    ("Nautilus 1.231.0, 1,000 tokens", "14-18 µs a message"),
    ("Nautilus 1.231.0, 1,000 stops on one token", "160-262 µs a message"),
    ("Nautilus 1.221.0, 1,000 tokens", "9.7-15 µs a message"),
    ("Nautilus 2.0.0rc6 (Rust, no JSON), 1,000 tokens", "5-30 µs a quote"),
    ("Hummingbot 20260920, 1,000 executors", "40-78 ms a sweep"),
    ("freqtrade 2026.9", "22-40 µs a trade"),
    ("BotTrader 2178e02, 1,000 positions", "9.3 ms"),
)


class Watched:
    """A bracket with its market and legs. Every second one holds the second outcome, every other one is watched."""

    __slots__ = ("book", "bracket", "legs", "market")

    def __init__(self, index: int) -> None:
        name = f"M{index}"
        side = Side.BUY if index % 2 else Side.SELL
        mode = ExitMode.LIMIT_ORDERS if index % 4 < 2 else ExitMode.MONITOR
        self.bracket = Bracket(
            bracket_id=name,
            market=name,
            side=side,
            mode=mode,
            entry=Entry(6_000, 6_000, 1_000, NOW_MS - 3_600_000),
            levels=LEVELS,
            state=BracketState.PROTECTED,
            opened_at_ms=NOW_MS - 3_600_000,
            peak=6_000,
        )
        self.legs = Legs(RestingLeg(7_000, 1_000)) if mode is ExitMode.LIMIT_ORDERS else NO_LEGS
        self.market = MarketRules(name, (PriceBand(0, ONE, 100),), 100, 100, MarketStatus.OPEN, 0, NOW_MS + 86_400_000)
        self.book = OrderBook(name)

    def quote(self, bid: int, ask: int) -> None:
        """The book after a quote, in own prices."""
        if self.bracket.side is Side.SELL:
            bid, ask = ONE - ask, ONE - bid
        self.book.apply_snapshot([(bid, 1_000)], [(ask, 1_000)], NOW_MS)


def batch(bids: tuple[int, ...]) -> list[Watched]:
    """A thousand brackets whose books show these bids in turn."""
    made = [Watched(index) for index in range(BRACKETS)]
    for index, watched in enumerate(made):
        bid = bids[index % len(bids)]
        watched.quote(bid, bid + 200)
    return made


def sweep(watched: list[Watched]) -> int:
    """One decision for each; how many exits were decided."""
    exits = 0
    for each in watched:
        mark = mark_of(each.book, each.bracket.side, ONE)
        exits += decide(each.bracket, mark, each.legs, RULES, each.market, NOW_MS, 1_000).exit is not None
    return exits


def main() -> bool:
    """Print the time of a batch, calm and in a crash, beside the peers' and say whether the target was met."""
    calm_bids = (5_700, 5_900, 6_100, 6_300, 6_600)
    calm = batch(calm_bids)
    some = batch((*calm_bids * 20, 5_200))[:BRACKETS]
    crash = batch((4_000,))
    trailing = batch((6_200,))
    for each in trailing:
        each.bracket = structs.replace(each.bracket, peak=6_600)
    cases = (
        ("nothing due", calm, 0),
        ("one in a hundred", some, 9),
        ("all trailing", trailing, BRACKETS),
        ("all at the hard stop", crash, BRACKETS),
    )
    timings = take_turns([lambda batch=batch: sweep(batch) for _, batch, _ in cases], ROUNDS)
    print(f"{BRACKETS:,} brackets, each with a market of its own, both outcomes, both exit modes; mark and decision")
    print(f"{'exits':<22} {'median':>9} {'p99':>9} {'a bracket':>12}")
    met = []
    for (name, watched, expected), timing in zip(cases, timings, strict=True):
        assert sweep(watched) == expected
        median, p99 = timing.median / 1_000, timing.p99 / 1_000
        print(f"{name:<22} {median:>6.2f} ms {p99:>6.2f} ms {timing.median / BRACKETS:>9.2f} µs")
        target = ALL_EXIT_TARGET_MS if expected == BRACKETS else TARGET_MS
        met.append(verdict(median < target, f"{name}: median under {target} ms"))
    print("Peers, measured by us earlier, not run here:")
    for name, took in PEERS:
        print(f"  {name:<50} {took}")
    return all(met)

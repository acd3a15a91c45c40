"""How long the plan takes: at most 2 µs per order at 100, 1,000 and 10,000 open orders against as many targets."""

from collections.abc import Sequence
from functools import partial

from benchmarks.measure import take_turns, verdict
from benchmarks.workload import NOW_MS, capabilities, orders_and_targets
from holdfast.core.capabilities import Bucket, Capabilities
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, TargetOrder
from holdfast.core.plan import PlanPolicy, plan

MOST_US_PER_ORDER = 2.0
# A diff that compares every order with every target would grow a hundredfold from 100 to 10,000.
MOST_GROWTH = 3.0
ROUNDS = {100: 2_000, 1_000: 300, 10_000: 60}

# Whole calls at N orders against N targets, same mix, measured on two shared cores of an AMD EPYC:
# facts peers section 6 (3). Not run here; they show the order of magnitude.
PEERS = (
    ("poly-maker", "11-12 µs", "0.38-0.39 ms", "5.4-6.0 ms", "25-28 ms"),
    ("poly-market-maker", "0.08-0.17 ms", "5.0-7.4 ms", "77-129 ms", "440-670 ms"),
)


def dict_diff(orders: Sequence[OpenOrder], targets: Sequence[TargetOrder]) -> tuple[list[object], list[object]]:
    """The floor: sizes by market, side and price, and where they differ. No rule, no lane, no order."""
    have: dict[tuple[str, Side, int], int] = {
        (order.market, order.side, order.price): order.remaining for order in orders
    }
    want: dict[tuple[str, Side, int], int] = {
        (target.market, target.side, target.price): target.size for target in targets
    }
    cancels: list[object] = [key for key, size in have.items() if want.get(key) != size]
    places: list[object] = [key for key, size in want.items() if have.get(key) != size]
    return cancels, places


def main() -> bool:
    """Print the timings and say whether the targets were met."""
    venue = capabilities(Bucket("write", 300, 900))
    policy = PlanPolicy(renew_before_ms=60_000)
    print("80 % of orders as wanted, 10 % at another price, 10 % of another size; garbage collection on")
    print(f"{'orders':>7} {'plan median':>12} {'p99':>10} {'per order':>10} {'dict floor':>11} {'plan/floor':>10}")
    per_order: dict[int, float] = {}
    floors: dict[int, float] = {}
    for count, rounds in ROUNDS.items():
        orders, targets = orders_and_targets(count)
        make = partial(plan, orders, targets, now_ms=NOW_MS, capabilities=venue, policy=policy)
        mine, floor = take_turns((make, partial(dict_diff, orders, targets)), rounds)
        per_order[count], floors[count] = mine.median / count, floor.median / count
        print(
            f"{count:>7,} {mine.median:>9,.0f} µs {mine.p99:>7,.0f} µs {per_order[count]:>7.2f} µs"
            f" {floors[count]:>8.2f} µs {mine.median / floor.median:>9.1f}x"
        )
    print("\npeers' whole calls (not run here)   N=10           N=100          N=400        N=900")
    for name, *figures in PEERS:
        print(f"  {name:<32} {figures[0]:<14} {figures[1]:<14} {figures[2]:<12} {figures[3]}")
    _print_at_peers_sizes(venue, policy)
    print()
    met = [
        verdict(taken <= MOST_US_PER_ORDER, f"{count:,} orders: {taken:.2f} µs per order, at most {MOST_US_PER_ORDER}")
        for count, taken in per_order.items()
    ]
    growth, floor_growth = per_order[10_000] / per_order[100], floors[10_000] / floors[100]
    text = f"linear: a hundred times the orders costs {growth:.2f} times as much each (the floor {floor_growth:.2f})"
    met.append(verdict(growth <= MOST_GROWTH, f"{text}, at most {MOST_GROWTH}"))
    return all(met)


def _print_at_peers_sizes(venue: Capabilities, policy: PlanPolicy) -> None:
    figures = []
    for count in (10, 100, 400, 900):
        orders, targets = orders_and_targets(count)
        make = partial(plan, orders, targets, now_ms=NOW_MS, capabilities=venue, policy=policy)
        (mine,) = take_turns((make,), 200)
        figures.append(f"{mine.median / 1000:.3f} ms")
    print(f"  {'this plan, this run':<32} {figures[0]:<14} {figures[1]:<14} {figures[2]:<12} {figures[3]}")

"""Whatever happens in whatever order, nothing is created, lost, or traded at a price that nobody agreed to."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.market import Side
from holdfast.core.matching import Execution, MatchingEngine
from holdfast.core.orders import TimeInForce
from holdfast.core.outcomes import Refusal

prices = st.integers(1, 12)
sizes = st.integers(1, 40)
sides = st.sampled_from(Side)
levels = st.lists(st.tuples(prices, st.integers(0, 40)), max_size=6)
picks = st.integers(0, 1000)
operations = st.one_of(
    st.tuples(st.just("snapshot"), st.integers(2, 11), levels, levels),
    st.tuples(st.just("level"), sides, prices, st.integers(0, 40)),
    st.tuples(st.just("trade"), prices, sizes, sides),
    st.tuples(
        st.just("submit"),
        st.sampled_from(["ann", "bob"]),
        sides,
        prices,
        sizes,
        st.booleans(),
        st.sampled_from(TimeInForce),
        st.sampled_from([0, 40, 80]),
    ),
    st.tuples(st.just("cancel"), picks),
    st.tuples(st.just("reduce"), picks, sizes),
    st.tuples(st.just("amend"), picks, prices, sizes),
    st.tuples(st.just("expire")),
)
histories = st.lists(operations, max_size=60)


class Harness:
    """Plays operations and keeps its own account of what must hold."""

    def __init__(self, *, prints_trades: bool) -> None:
        self.engine = MatchingEngine("M", prints_trades=prints_trades)
        self.tape: dict[Side, dict[int, int]] = {side: {} for side in Side}
        self.asked: Counter[str] = Counter()
        self.gone: Counter[str] = Counter()
        self.filled: Counter[str] = Counter()
        self.terms: dict[str, tuple[str, Side, int]] = {}
        self.log: list[object] = []
        self.now = 0

    def play(self, operation: tuple) -> None:
        self.now += 1
        kind, *arguments = operation
        expected_flow = getattr(self, f"do_{kind}")(*arguments)
        self.log.append(expected_flow)
        self.check()

    # Operations.

    def do_snapshot(self, middle, bids, asks):
        """A real tape's books are not crossed: bids below the middle, asks from there on."""
        new = {
            Side.BUY: {p: s for p, s in bids if p < middle and s},
            Side.SELL: {p: s for p, s in asks if p >= middle and s},
        }
        bound = self.bound(new)
        self.tape = new
        return self.made(self.engine.apply_snapshot(new[Side.BUY].items(), new[Side.SELL].items(), self.now), bound)

    def do_level(self, side, price, size):
        new = {key: dict(value) for key, value in self.tape.items()}
        new[side][price] = size
        if not size:
            del new[side][price]
        bound = self.bound(new)
        self.tape = new
        return self.made(self.engine.apply_level(side, price, size, self.now), bound)

    def do_trade(self, price, size, aggressor):
        passive = self.tape[aggressor.opposite]
        if price in passive:
            passive[price] -= size
            if passive[price] <= 0:
                del passive[price]
        bound = self.bound(self.tape)
        bound[aggressor.opposite] += size
        return self.made(self.engine.apply_trade(price, size, aggressor, self.now), bound)

    def do_submit(self, owner, side, price, size, post_only, time_in_force, expires):
        name = f"o{len(self.asked)}"
        before = self.outside(side.opposite)
        answer = self.engine.submit(
            name,
            owner,
            side,
            price,
            size,
            post_only=post_only,
            time_in_force=time_in_force,
            expires_at_ms=expires,
            now_ms=self.now,
        )
        self.asked[name] = size
        self.terms[name] = (owner, side, price)
        self.entered(name, answer, before, resting_size=size)
        if answer.refusal is Refusal.POST_ONLY_CROSS:
            assert post_only
        if post_only:
            assert answer.filled == 0
        if time_in_force is not TimeInForce.RESTING:
            assert answer.remaining == 0
        if time_in_force is TimeInForce.ALL_OR_NOTHING and not answer.self_crossed:
            assert answer.filled in (0, size)
        return answer

    def do_cancel(self, pick):
        if name := self.pick(pick):
            self.gone[name] += self.engine.cancel(name)

    def do_reduce(self, pick, size):
        if name := self.pick(pick):
            left = min(size, self.engine.resting(name).remaining)
            self.gone[name] += self.engine.resting(name).remaining - left
            self.engine.reduce(name, left)

    def do_amend(self, pick, price, size):
        if not (name := self.pick(pick)):
            return None
        owner, side, _ = self.terms[name]
        self.asked[name] += size - self.engine.resting(name).remaining
        self.terms[name] = (owner, side, price)
        before = self.outside(side.opposite)
        answer = self.engine.amend(name, price=price, remaining=size, expires_at_ms=0, now_ms=self.now)
        self.entered(name, answer, before, resting_size=size)
        return answer

    def do_expire(self):
        for order in self.engine.expire(self.now):
            assert 0 < order.expires_at_ms <= self.now
            self.gone[order.order_id] += order.remaining

    # Accounts.

    def pick(self, pick: int) -> str | None:
        orders = self.engine.orders()
        return orders[pick % len(orders)].order_id if orders else None

    def outside(self, side: Side) -> dict[int, int]:
        """The public ladder less our orders: the tape less what we took."""
        found = Counter(dict(self.engine.ladder(side)))
        for order in self.engine.orders():
            if order.side is side:
                found[order.price] -= order.remaining
        return {price: size for price, size in found.items() if size}

    def bound(self, new: dict[Side, dict[int, int]]) -> dict[Side, int]:
        """The most that a change of the tape may fill per side: what shrank there and what reaches it."""
        limits = {}
        for side in Side:
            ours = {order.price for order in self.engine.orders() if order.side is side}
            shrunk = sum(max(self.tape[side].get(p, 0) - new[side].get(p, 0), 0) for p in ours)
            reach = max(ours, default=0) if side is Side.BUY else min(ours, default=99)
            other = new[side.opposite].items()
            limits[side] = shrunk + sum(s for p, s in other if (p <= reach if side is Side.BUY else p >= reach))
        return limits

    def made(self, executions: list[Execution], bound: dict[Side, int]) -> list[Execution]:
        """Executions that the tape caused: makers only, no more than the tape gave."""
        flow: Counter[Side] = Counter()
        for execution in executions:
            assert not execution.is_taker
            self.count(execution)
            flow[execution.side] += execution.size
        assert all(flow[side] <= bound[side] for side in Side)
        return executions

    def entered(self, name, answer, before, resting_size) -> None:
        """An order that we sent: what it bought is what others sold, from the tape or from another owner."""
        owner, side, limit = self.terms[name]
        outside: Counter[int] = Counter()
        for execution in answer.executions:
            self.count(execution)
            if execution.is_taker:
                assert execution.order_id == name
                assert execution.price <= limit if side is Side.BUY else execution.price >= limit
                outside[execution.price] += execution.size
            else:
                assert execution.owner != owner
                assert execution.side is side.opposite
                outside[execution.price] -= execution.size
        after = self.outside(side.opposite)
        assert all(size == before.get(p, 0) - after.get(p, 0) >= 0 for p, size in outside.items())
        assert sum(outside.values()) == sum(before.values()) - sum(after.values())
        assert answer.filled == sum(e.size for e in answer.executions if e.order_id == name)
        self.gone[name] += resting_size - answer.filled - answer.remaining

    def count(self, execution: Execution) -> None:
        owner, side, price = self.terms[execution.order_id]
        assert execution.size > 0
        assert (execution.owner, execution.side, execution.at_ms) == (owner, side, self.now)
        if not execution.is_taker:
            assert execution.price == price
        self.filled[execution.order_id] += execution.size

    def check(self) -> None:
        left = {order.order_id: order for order in self.engine.orders()}
        for name, asked in self.asked.items():
            order = left.get(name)
            assert self.filled[name] + self.gone[name] + (order.remaining if order else 0) == asked
            if order:
                assert order.filled == self.filled[name]
                assert 0 <= order.queue_ahead <= self.tape[order.side].get(order.price, 0)
        for side in Side:
            assert all(0 < size <= self.tape[side].get(price, 0) for price, size in self.outside(side).items())
        self.check_not_crossed()

    def check_not_crossed(self) -> None:
        """None of our orders stands where the other side, tape or ours, could be had."""
        for order in self.engine.orders():
            best = self.engine.best_ask if order.side is Side.BUY else self.engine.best_bid
            assert best is None or (best > order.price if order.side is Side.BUY else best < order.price)


@settings(max_examples=400, deadline=None)
@given(history=histories, prints_trades=st.booleans())
def test_every_history_conserves(history, prints_trades):
    harness = Harness(prints_trades=prints_trades)
    for operation in history:
        harness.play(operation)


@settings(max_examples=60, deadline=None)
@given(history=histories)
def test_the_same_history_gives_the_same_answers(history):
    one, two = Harness(prints_trades=False), Harness(prints_trades=False)
    for operation in history:
        one.play(operation)
        two.play(operation)
    assert one.log == two.log
    assert one.engine.orders() == two.engine.orders()


@settings(max_examples=100, deadline=None)
@given(books=st.lists(st.tuples(st.integers(2, 11), levels, levels), max_size=15), orders=histories)
def test_snapshots_and_their_changed_levels_are_the_same_tape(books, orders):
    """A reader may give whole books or only what changed: our orders fare the same."""
    submits = [operation[1:5] for operation in orders if operation[0] == "submit"]
    whole, changes = MatchingEngine("M"), MatchingEngine("M")
    known: dict[Side, dict[int, int]] = {side: {} for side in Side}
    for at, (middle, bids, asks) in enumerate(books):
        new = {Side.BUY: {p: s for p, s in bids if p < middle}, Side.SELL: {p: s for p, s in asks if p >= middle}}
        differences = [
            [(p, new[side].get(p, 0)) for p in sorted(new[side].keys() | known[side].keys())]
            for side in (Side.BUY, Side.SELL)
        ]
        known = new
        one = whole.apply_snapshot(new[Side.BUY].items(), new[Side.SELL].items(), at)
        assert one == changes.apply_changes(*differences, at)
        for number, (owner, side, price, size) in enumerate(submits[at : at + 2]):
            for made in (whole, changes):
                made.submit(f"{at}-{number}", owner, side, price, size, now_ms=at)
        assert whole.orders() == changes.orders()

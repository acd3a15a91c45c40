"""What to send for one bracket now, pure: its legs while it is protected, its exit once one is decided.

Level-triggered like everything else: a step follows from what is held, what rests and what is decided, never from what
an earlier step meant to do, so a crash between two of them is repaired by the next one. Never more is offered for sale
than is held: an exit waits until every order that reduces the same position is over and its fills are known.
"""

from msgspec import Struct, structs

from holdfast.core.book import OrderBook, Top
from holdfast.core.bracket import Bracket, BracketState, ExitSource, NakedClass, moved
from holdfast.core.capabilities import Capabilities
from holdfast.core.exits import Decision
from holdfast.core.floors import FloorPolicy
from holdfast.core.market import MarketRules, Side
from holdfast.core.orders import OpenOrder, Purpose, Reduction, TargetOrder, TimeInForce
from holdfast.core.windows import VenueMode

REDUCING = frozenset({Purpose.TAKE_PROFIT, Purpose.STOP, Purpose.EXIT})
"""Purposes of a bracket's own orders."""


class Facts(Struct, frozen=True):
    """What is known of one bracket's market. Own sizes; the orders are live as far as anyone can know.

    `held` counts what answers say was filled, of which `unbooked` is not in the ledger yet; it is negative where the
    other outcome is held. `settled` is the part of it that the venue can't take back any more; `provisional`: it may
    still take back a fill of this market, so that what was sold would be held again; `fills_lag`: an order of ours is
    over, and these reads are too old to show all that it filled. `sellable`: what the venue said there is to sell when
    it last refused a sale for its size, None where it did not say. `ours` are our orders of any purpose in this market,
    `doubtful` those that may be over although lists show them, of which `overdue` had their cancel sent longer ago than
    anybody waits for its answer. `unknown_exit` and `unknown_leg`: an exit or a take profit was sent and nobody knows
    whether it rests or filled. `entering`: the entry may still fill, or has fills that are not booked.
    `book` is net of our own orders. `list_is_stale`: the list of orders is older than what the journal has forgotten,
    so that it may lack orders that rest.
    """

    held: int
    settled: int
    unbooked: int
    provisional: bool
    fills_lag: bool
    sellable: int | None
    ours: tuple[OpenOrder, ...]
    doubtful: frozenset[str]
    overdue: frozenset[str]
    unknown_exit: bool
    unknown_leg: bool
    entering: bool
    is_over: bool
    mode: VenueMode
    takes_cancels: bool
    book: OrderBook | None
    list_is_stale: bool

    @property
    def top(self) -> Top:
        """The best prices of the market without us."""
        return Top(self.book.best_bid, self.book.best_ask) if self.book is not None else Top(None, None)

    @property
    def certain(self) -> tuple[OpenOrder, ...]:
        """Our orders that certainly rest: those that may be over are not cancelled again."""
        return tuple(order for order in self.ours if order.order_id not in self.doubtful)

    @property
    def cancelable(self) -> tuple[OpenOrder, ...]:
        """Our orders that an exit has cancelled: also, once more, those whose cancel got no answer in time.

        A second cancel can do no harm, and its answer says what the first one's would have said.
        """
        return tuple(o for o in self.ours if o.order_id not in self.doubtful or o.order_id in self.overdue)

    @property
    def unfinished(self) -> bool:
        """Whether something that reduces the position may be resting or not, or may have filled more than we know."""
        doubtful = any(o.order_id in self.doubtful and o.purpose in REDUCING for o in self.ours)
        return self.fills_lag or self.unknown_leg or doubtful


class Policy(Struct, frozen=True):
    """The switches and the venue, as a step needs them. Money in money units, times in ms.

    `sell_rest_percent`: once that much of a take profit has filled its rest is sold at the market; 0 waits for it.
    `reads_lag_ms`: how much later than an order its fills can be seen.
    """

    capabilities: Capabilities
    one: int | None
    floors: FloorPolicy
    max_slice_money: int
    cancel_timeout_ms: int
    reads_lag_ms: int
    sell_rest_percent: int = 0


class Scene(Struct, frozen=True):
    """Everything that a step follows from, beside the bracket itself. `decision` is about the prices in `facts`."""

    facts: Facts
    decision: Decision
    policy: Policy
    rules: MarketRules
    now_ms: int
    decision_id: str


class Step(Struct, frozen=True):
    """What to do now: end `cancels`, then send `exit`; or correct the legs.

    `bracket` is what to store where it differs from the one that came in, `claim` what to store in one transaction with
    the order's journal entry. `exit` may go out only when every one of `cancels` is over with its fills known.
    `excess` are take profits to cancel and `reductions` ones to make smaller; `take_profit` is placed after them.
    `close`: nothing is held or live any more (`dust`: too little to sell). `wait` says in a word why nothing is sent
    although something is due. `resend`: an exit in doubt is still wanted.
    """

    bracket: Bracket
    claim: Bracket | None = None
    cancels: tuple[OpenOrder, ...] = ()
    exit: TargetOrder | None = None
    excess: tuple[OpenOrder, ...] = ()
    reductions: tuple[Reduction, ...] = ()
    take_profit: TargetOrder | None = None
    close: bool = False
    dust: bool = False
    resend: bool = False
    wait: str = ""
    naked: NakedClass | None = None

    def is_rest_of(self, before: Bracket) -> bool:
        """Whether there is nothing to do, to wait for or to say: at most the best price of `before` has changed."""
        return self == Step(structs.replace(before, peak=self.bracket.peak))


def source_of(bracket: Bracket, reduced_by: str) -> ExitSource:
    """Which layer closed a flat position: `reduced_by` is what made it smaller last (`Position.reduced_by`)."""
    begun = bracket.exit.source if bracket.exit else ExitSource.UNKNOWN
    return {
        "settlement": ExitSource.MARKET_RESOLVED,
        Purpose.TAKE_PROFIT.value: ExitSource.EXCHANGE_BRACKET_TP,
        Purpose.STOP.value: ExitSource.EXCHANGE_BRACKET_STOP,
        Purpose.MANUAL.value: ExitSource.MANUAL,
    }.get(reduced_by, begun)


def finish(bracket: Bracket, scene: Scene) -> Step:
    """Nothing is held: what still rests of ours goes, and with nothing left in doubt the bracket is over.

    Matched is not settled: while the venue may still take a fill back, the bracket stays, its exit with it, and goes on
    from there should that happen.
    """
    facts = scene.facts
    resting = tuple(order for order in facts.ours if order.purpose in REDUCING)
    if resting:
        certain = tuple(order for order in resting if order.order_id not in facts.doubtful)
        # A list older than what the journal has forgotten also shows orders that are over: nothing here is in a hurry.
        goes = facts.takes_cancels and not facts.list_is_stale
        return Step(bracket, cancels=certain if goes else (), wait="leftovers")
    if facts.unknown_exit or facts.unknown_leg:
        return Step(bracket, wait="unknown_outcome")
    if facts.entering or facts.unbooked:
        return Step(bracket, wait="entering" if facts.entering else "unbooked")
    if facts.provisional:
        return Step(bracket, wait="unsettled")
    return Step(bracket, wait="disputed") if bracket.disputed else Step(bracket, close=True)


def write_off_dust(bracket: Bracket, scene: Scene) -> Step:
    """Too little is held to be sold; it is closed out by name once nothing of ours rests."""
    done = finish(bracket, scene)
    return structs.replace(done, dust=done.close)


def undo_flip(bracket: Bracket, scene: Scene) -> Step:
    """More was sold than was held: the other outcome is open now. It is sold at once, and a person is called."""
    facts, rules = scene.facts, scene.rules
    nets = scene.policy.one is not None
    if bracket.state is not BracketState.ATTENTION:
        reason = "both legs filled: the other outcome is held" if nets else "more was sold than was held"
        bracket = moved(bracket, BracketState.ATTENTION, reason, scene.decision_id, disputed=reason)
    if not nets:
        # What was sold too much was somebody else's in the same wallet; nothing of ours is open.
        return Step(bracket, cancels=facts.certain if facts.takes_cancels else (), wait="disputed")
    size = rules.snap_size(-facts.held)
    if not size:
        return write_off_dust(bracket, scene)
    worst = _worst_back(bracket.side, facts.top, scene)
    if facts.is_over or not facts.takes_cancels or worst is None:
        return Step(bracket, wait="window", naked=NakedClass.WINDOW if worst else NakedClass.BLIND)
    cancels = tuple(order for order in facts.cancelable if order.purpose is not None)
    if facts.unknown_exit or facts.unfinished:
        return Step(bracket, cancels=cancels, resend=True, wait="unknown_outcome", naked=NakedClass.EXITING)
    if scene.now_ms < bracket.undoing.retry_at_ms:
        return Step(bracket, wait="backoff", naked=NakedClass.REFUSED)
    target = TargetOrder(
        market=bracket.market,
        side=bracket.side,
        price=worst,
        size=size,
        purpose=Purpose.EXIT,
        leg=f"{bracket.bracket_id}/flip/{bracket.attempt + 1}",
        post_only=False,
        time_in_force=TimeInForce.IMMEDIATE,
        reduce_only=True,
        decision_id=scene.decision_id,
    )
    if not facts.mode.takes(target):
        return Step(bracket, wait="window", naked=NakedClass.WINDOW)
    claim = structs.replace(bracket, attempt=bracket.attempt + 1)
    naked = NakedClass.REFUSED if bracket.undoing.failures else NakedClass.EXITING
    return Step(bracket, claim=claim, cancels=cancels, exit=target, naked=naked)


def _worst_back(side: Side, top: Top, scene: Scene) -> int | None:
    """The worst price to undo a flip at: the best one there is, at most `exit_slippage_most` from the other side.

    None where a side is missing. An abandoned offer at 0.99 is no market to buy back in.
    """
    if top.bid is None or top.ask is None:
        return None
    rules, most = scene.rules, scene.policy.floors.most
    if side is Side.BUY:
        return rules.snap(max(min(top.ask, top.bid + most), rules.lowest), side).price
    return rules.snap(min(max(top.bid, top.ask - most), rules.highest), side).price

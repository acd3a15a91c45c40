"""When a venue does not take everything: what may be sent in each of its modes, and how an exit goes out meanwhile."""

from enum import StrEnum

from msgspec import Struct, structs

from holdfast.core.book import Top
from holdfast.core.market import MarketRules, Side
from holdfast.core.orders import TargetOrder, TimeInForce


class VenueMode(StrEnum):
    """What the venue lets through now, from everything to nothing."""

    TRADING = "trading"
    POST_ONLY = "post_only"
    CANCEL_ONLY = "cancel_only"
    RESTARTING = "restarting"
    DISABLED = "disabled"

    @property
    def takes_cancels(self) -> bool:
        """Whether a cancel can be accepted. One that can't would leave its order in doubt."""
        return self not in (VenueMode.RESTARTING, VenueMode.DISABLED)

    def takes(self, target: TargetOrder) -> bool:
        """Whether a new order can be accepted."""
        return self is VenueMode.TRADING or (self is VenueMode.POST_ONLY and target.post_only)


class Window(Struct, frozen=True):
    """A mode of the whole venue, and until when it holds or is believed (UTC ms; 0: nobody knows)."""

    mode: VenueMode = VenueMode.TRADING
    until_ms: int = 0


TRADING = Window()


def known_window(before: Window, stated: Window, now_ms: int, post_only_after_restart_ms: int) -> Window:
    """The window now, at a venue that states its mode in refusals only.

    `stated` is what its answers said last, TRADING where they said nothing; `before` what was known last, by any
    process, and holds until its time is over. After a restart comes a post-only window of a known length.
    """
    if stated.mode is not VenueMode.TRADING:
        return stated
    if now_ms < before.until_ms:
        return before
    post_only_until_ms = before.until_ms + post_only_after_restart_ms
    if before.mode is VenueMode.RESTARTING and now_ms < post_only_until_ms:
        return Window(VenueMode.POST_ONLY, post_only_until_ms)
    return TRADING


def exit_in(
    mode: VenueMode, target: TargetOrder, top: Top, rules: MarketRules, *, reserves_sells: bool
) -> TargetOrder | None:
    """An exit as the venue takes it in this mode; None where it takes none now.

    In a post-only window it is a post-only order one tick in front of the best price that it would have taken (a sell:
    above the best bid), which never expires; whoever plans it prices it anew every tick. It rests, so it can't be
    reduce-only, and only a venue that reserves what is offered for sale refuses it should it have become too large:
    elsewhere the exit waits. Prices of `top` are those of the market without our own orders.
    """
    if mode.takes(target):
        return target
    if mode is not VenueMode.POST_ONLY or not reserves_sells:
        return None
    price = _in_front(target.side, top, rules)
    if price is None:
        return None
    return structs.replace(
        target,
        price=price,
        post_only=True,
        reduce_only=False,
        time_in_force=TimeInForce.RESTING,
        expires_at_ms=0,
    )


def _in_front(side: Side, top: Top, rules: MarketRules) -> int | None:
    """The price one tick in front of the best opposite one; None where there is none, or no tick is left."""
    if side is Side.SELL:
        price = None if top.bid is None else top.bid + rules.tick_at(top.bid, Side.SELL)
    else:
        price = None if top.ask is None else top.ask - rules.tick_at(top.ask, Side.BUY)
    return price if price is not None and rules.lowest <= price <= rules.highest else None

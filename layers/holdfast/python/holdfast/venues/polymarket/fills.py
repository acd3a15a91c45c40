"""Our fills out of Polymarket's trades (facts polymarket sections 2.2 and 4).

One trade is one taker against one or more makers, and shows up where any of them is us. Each order of ours in it is one
fill with the price and size of its own part. The trade is settled on the chain afterwards: until it is confirmed it may
still fail, and then it never happened.
"""

from collections.abc import Callable, Iterator

from holdfast.core.errors import VenueUnavailableError
from holdfast.core.market import Side
from holdfast.core.orders import Fill
from holdfast.venues.polymarket.fees import FeeSchedule
from holdfast.venues.polymarket.order import SCALE
from holdfast.venues.polymarket.wire import (
    MakerPart,
    TradeRow,
    executed_price,
    nearest_price,
    side_of,
    size_units,
    status_word,
    whole_time,
)

_FINAL = frozenset({"CONFIRMED", "FAILED"})
_VOID = "FAILED"


def fills_of(trade: TradeRow, wallet: str, owner: str, fees_of: Callable[[str], FeeSchedule | None]) -> Iterator[Fill]:
    """Our fills of one trade. A taker's fee is computed from its market's schedule (`fees_of` its condition, None while
    that can't be read).

    Where the trade does not say on which side we were, we took it unless one of its makers is us.
    """
    ours = [part for part in trade.maker_orders or () if _is_ours(part, wallet, owner)]
    status = status_word(trade.status)
    nano = whole_time(trade.match_time_nano, "trade.match_time_nano")
    at_ms = nano // 1_000_000 or whole_time(trade.match_time, "trade.match_time") * 1000
    if at_ms == 0:
        raise VenueUnavailableError(f"trade {trade.id}: match_time is empty")
    taker_side = side_of(trade.side, "trade.side")
    final, void = status in _FINAL, status == _VOID
    if trade.trader_side.upper() == "TAKER" or not (trade.trader_side or ours):
        price = executed_price(trade.price, trade.size, taker_side, "trade.price")
        size = size_units(trade.size, "trade.size")
        fees = fees_of(trade.market)
        yield Fill(
            fill_id=trade.id,
            order_id=trade.taker_order_id,
            market=trade.asset_id,
            side=taker_side,
            price=price,
            size=size,
            fee=fees.taker_fee(price, size) if fees else 0,
            is_taker=True,
            at_ms=at_ms,
            final=final and fees is not None,
            void=void,
            has_fee=fees is not None,
            value=_value_of(trade, price, size),
        )
    for part in ours:
        side = _side_of(part, trade.asset_id, taker_side)
        yield Fill(
            fill_id=trade.id,
            order_id=part.order_id,
            market=part.asset_id,
            side=side,
            price=executed_price(part.price, part.matched_amount, side, "maker_order.price"),
            size=size_units(part.matched_amount, "maker_order.matched_amount"),
            fee=0,
            is_taker=False,
            at_ms=at_ms,
            final=final,
            void=void,
        )


def _value_of(trade: TradeRow, price: int, size: int) -> int | None:
    """What a taker paid or got, from the makers that he met: each trades at its own price, on the other token at 1 less
    it (a pair is minted or merged). None where `price` says it exactly, or the makers do not come to the trade.

    That the trade's price is the makers' average is not verified: parts that differ from it by more than a price unit
    are not believed.
    """
    sizes, value = 0, 0
    try:
        for part in trade.maker_orders or ():
            part_size = size_units(part.matched_amount, "maker_order.matched_amount")
            part_price = nearest_price(part.price, "maker_order.price")
            sizes += part_size
            value += part_size * (part_price if part.asset_id == trade.asset_id else SCALE.one - part_price)
    except VenueUnavailableError:
        # A part of somebody else that can't be read makes nothing of ours unreadable.
        return None
    stated = trade.price.scaleb(SCALE.price_decimals) * size
    if sizes != size or value == price * size or abs(value - stated) > size:
        return None
    return value


def _is_ours(part: MakerPart, wallet: str, owner: str) -> bool:
    return part.owner == owner or part.maker_address.lower() == wallet.lower()


def _side_of(part: MakerPart, taker_token: str, taker_side: Side) -> Side:
    """Where a part has no side: on the taker's token the other one, on the other token the same one (both buy and a
    pair is minted, or both sell and one is merged)."""
    if part.side:
        return side_of(part.side, "maker_order.side")
    return taker_side.opposite if part.asset_id == taker_token else taker_side

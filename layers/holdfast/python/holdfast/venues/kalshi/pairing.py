"""Which entry of a batch answer belongs to which order. Ids decide; position only where an entry has no id.

That the answer keeps the order of the request is what every bot assumes and nobody documents (facts kalshi section
4.2), so position is used only where it can't mistake a live order for a failed one.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from holdfast.venues.kalshi.wire_writes import CanceledItem, CreatedItem

T = TypeVar("T")


def pair_created(client_ids: Sequence[str], items: Sequence[CreatedItem]) -> list[CreatedItem | None]:
    """One entry per client order id; None where the answer has no certain one."""
    return _pair(
        client_ids, items, lambda item: item.client_order_id, lambda item: bool(item.error) and not item.order_id
    )


def pair_canceled(order_ids: Sequence[str], items: Sequence[CanceledItem]) -> list[CanceledItem | None]:
    """One entry per order id; None where the answer has no certain one."""
    return _pair(order_ids, items, lambda item: item.order_id, lambda item: bool(item.error))


def _pair(
    ids: Sequence[str], items: Sequence[T], id_of: Callable[[T], str | None], failed: Callable[[T], bool]
) -> list[T | None]:
    """Entries without an id go to the orders that no entry names, in order, if there are as many of both and either
    one only (it can belong to nothing else) or all failed (then each of these orders failed, and only their reasons
    could be swapped). An id that occurs twice contradicts itself and is left out.
    """
    named: dict[str, T | None] = {}
    nameless = []
    for item in items:
        item_id = id_of(item)
        if not item_id:
            nameless.append(item)
        else:
            named[item_id] = None if item_id in named else item
    unnamed = [wanted for wanted in ids if wanted not in named]
    if len(nameless) == len(unnamed) and (len(nameless) == 1 or all(map(failed, nameless))):
        named.update(zip(unnamed, nameless, strict=True))
    return [named.get(wanted) for wanted in ids]

"""The exchange's own books of one user, exact and never lagging: for demos, tests and simulations, not on the wire."""

from msgspec import Struct

from local.venues.kalshi.accounts import Account, User
from local.venues.kalshi.records import FillRow, Holding, Order, SettlementRow


class Books(Struct, frozen=True):
    """What a user has and did, over all subaccounts. Money units; sizes and prices in SCALE.

    `cash` is the money by (subaccount, shard), `reserved` the part of it that resting orders hold.
    `client_order_ids` maps every client order id ever accepted to its order; `sent_ids` counts how often each was sent
    in a place that reached the exchange, refused ones included.
    """

    user_id: str
    cash: dict[tuple[int, int], int]
    reserved: dict[tuple[int, int], int]
    deposits: dict[tuple[int, int], int]
    positions: tuple[Holding, ...]
    open_orders: tuple[Order, ...]
    orders: tuple[Order, ...]
    fills: tuple[FillRow, ...]
    settlements: tuple[SettlementRow, ...]
    client_order_ids: dict[str, str]
    sent_ids: dict[str, int]

    @property
    def total_cash(self) -> int:
        """All money, reserved or not."""
        return sum(self.cash.values())

    @property
    def total_fees(self) -> int:
        """All fees paid."""
        return sum(fill.fee for fill in self.fills)

    @property
    def profit(self) -> int:
        """Cash beyond what was deposited: realized P&L less fees, less the cost of what is still held."""
        return self.total_cash - sum(self.deposits.values())

    def imbalances(self) -> list[str]:
        """Where the books don't add up, in words; empty when money was neither made nor lost."""
        found = []
        for key, cash in self.cash.items():
            subaccount, shard = key
            moved = sum(f.revenue - f.fee for f in self.fills if (f.subaccount, f.shard) == key)
            moved += sum(row.payout for row in self.settlements if (row.subaccount, row.shard) == key)
            if cash != self.deposits[key] + moved:
                found.append(
                    f"cash of subaccount {subaccount} on shard {shard}: {cash}, not {self.deposits[key] + moved}"
                )
        held = sum(row.realized - row.fees - row.cost for row in self.positions)
        if held != self.profit:
            found.append(f"positions account for {held}, cash for {self.profit}")
        return found


def books(user: User) -> Books:
    """The books of a user at this moment, as copies that later events don't change."""
    accounts = user.accounts.values()
    orders = tuple(history.latest for history in user.seen_orders.values())
    return Books(
        user_id=user.user_id,
        cash={(a.subaccount, shard): amount for a in accounts for shard, amount in a.cash.items()},
        reserved={(a.subaccount, shard): a.reserved(shard) for a in accounts for shard in a.cash},
        deposits={(a.subaccount, shard): a.deposits[shard] for a in accounts for shard in a.cash},
        positions=tuple(holding for a in accounts for holding in _holdings(a)),
        open_orders=tuple(order for order in orders if order.end is None),
        orders=orders,
        fills=tuple(user.fills),
        settlements=tuple(user.settlements),
        client_order_ids=dict(user.client_order_ids),
        sent_ids=dict(user.sent_ids),
    )


def _holdings(account: Account) -> list[Holding]:
    return [history.latest for history in account.holdings.values()]

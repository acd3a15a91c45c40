"""Stop losses by market in the control table, from which the blacklist follows.

One item per position that was stopped out, named by its bracket: recorded twice it counts once, and it needs no
condition, so it fits into the transaction that closes the bracket.
"""

from holdfast.core.blacklist import BlacklistPolicy
from holdfast.core.market import checked_market
from holdfast.state.port import Delete, Item, Key, Put, Store, Table
from holdfast.state.records import Unreadable, readable


class Blacklist:
    """One account's blacklisted markets."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._pk = f"BLACKLIST#{account}"

    def stop_loss(self, market: str, bracket_id: str, at_ms: int, policy: BlacklistPolicy) -> Put:
        """The write that records one position of a market as stopped out at `at_ms`.

        It is kept for two windows: a second stop loss at the end of the first one still counts it until its own end.
        """
        item: Item = {
            "pk": self._pk,
            "sk": f"{checked_market(market)}#{bracket_id}",
            "at_ms": at_ms,
            "ttl": -(-(at_ms + 2 * policy.window_ms) // 1000),
        }
        return Put(Table.CONTROL, item)

    def until_ms(self, policy: BlacklistPolicy, now_ms: int) -> dict[str, int]:
        """The markets that are refused now, and until when; one query. Exact, however late items are deleted."""
        return self.read(policy, now_ms)[0]

    def read(self, policy: BlacklistPolicy, now_ms: int) -> tuple[dict[str, int], tuple[Unreadable, ...]]:
        """What `until_ms` has, and the stop losses that can't be read: their markets may be refused too."""
        stops, left = readable("stop_loss", self._store.query(Table.CONTROL, self._pk), _stop)
        times: dict[str, list[int]] = {}
        for market, at_ms in stops:
            times.setdefault(market, []).append(at_ms)
        found = {market: policy.until_ms(stopped, now_ms) for market, stopped in times.items()}
        return {market: until_ms for market, until_ms in found.items() if until_ms}, left

    def lift(self, market: str) -> int:
        """Forget a market's stop losses; how many there were."""
        items = [item for item in self._store.query(Table.CONTROL, self._pk, f"{market}#")]
        for item in items:
            self._store.write(Delete(Key(Table.CONTROL, self._pk, item["sk"])))
        return len(items)


def _stop(item: Item) -> tuple[str, int]:
    """Market and time of a stop loss. No market id has a "#" in it."""
    at_ms = item["at_ms"]
    if type(at_ms) is not int:
        raise ValueError(f"its time is {at_ms!r}")
    return str(item["sk"]).partition("#")[0], at_ms

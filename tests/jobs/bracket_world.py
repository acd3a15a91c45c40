"""One account whose positions are protected: entries by request, ticks of both jobs, books moved by hand."""

from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.core.bracket import Bracket
from holdfast.core.market import Side
from holdfast.core.requests import EntryRequest, ExitRequest, Origin
from holdfast.core.trade import Trade
from holdfast.jobs.brackets import BracketsReport, check_brackets
from holdfast.jobs.ports import Ports
from holdfast.jobs.tick import TickReport
from holdfast.state.brackets import Brackets
from holdfast.state.requests import Requests
from tests.jobs.account_world import AccountWorld
from tests.jobs.world import World, world

CHECK_MS = 30_000


class Protected:
    """A world of either venue, seen from its brackets. Prices in cents, sizes in contracts."""

    def __init__(self, made: AccountWorld, market: str) -> None:
        self.world, self.market = made, market
        self._asked = 0

    @property
    def brackets(self) -> Brackets:
        return Brackets(self.world.store, self.world.account.account_id)

    @property
    def bracket(self) -> Bracket:
        found = self.brackets.get(self.market)
        assert found is not None, "no open bracket"
        return found

    @property
    def trades(self) -> list[Trade]:
        return self.brackets.trades()

    @property
    def requests(self) -> Requests:
        return Requests(self.world.store, self.world.account.account_id)

    def ask(self, side: Side = Side.BUY, size: str = "100", ttl_ms: int = 600_000, **given: object) -> EntryRequest:
        """Ask for an entry."""
        self._asked += 1
        now_ms = self.world.clock.now_ms()
        request = EntryRequest(
            request_id=f"r{self._asked}",
            account=self.world.account.account_id,
            market=self.market,
            side=side,
            origin=Origin.COMMAND,
            requested_at_ms=now_ms,
            expires_at_ms=now_ms + ttl_ms,
            size=size,
            **given,  # type: ignore[arg-type]
        )
        assert self.requests.put(request, now_ms)
        return request

    def ask_exit(self, origin: Origin = Origin.COMMAND) -> None:
        """Ask for an exit."""
        self._asked += 1
        now_ms = self.world.clock.now_ms()
        account = self.world.account.account_id
        request = ExitRequest(
            request_id=f"r{self._asked}",
            account=account,
            market=self.market,
            origin=origin,
            requested_at_ms=now_ms,
            expires_at_ms=now_ms + 600_000,
        )
        assert self.requests.put(request, now_ms)

    def enter(self, **given: object) -> TickReport:
        """Ask for an entry, and let execute's next tick make it."""
        self.ask(**given)  # type: ignore[arg-type]
        return self.world.tick(after_ms=1_000)

    def check(self, after_ms: int = CHECK_MS, ports: Ports | None = None) -> BracketsReport:
        """One interval later, one tick of the brackets job."""
        self.world.clock.sleep_ms(after_ms)
        report = check_brackets(self.world.account, ports or self.world.ports, self.world.clock)
        assert not report.skipped
        return report


@contextmanager
def protected_world(**given: object) -> Iterator[tuple[World, Protected]]:
    """Kalshi, market M-1 at 49 to 51 cents, nothing quoted."""
    with world(markets=1, **given) as made:  # type: ignore[arg-type]
        for market in made.markets:
            made.configs.remove(market)
        made.switch(max_trade_size="100")
        yield made, Protected(made, "M-1")

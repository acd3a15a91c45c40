"""Draw a tick's plan: what rests as the plan may see it, against what is wanted now."""

from collections.abc import Mapping, Sequence

from msgspec import structs

from holdfast.core.orders import OpenOrder, TargetOrder
from holdfast.core.pauses import MarketPause
from holdfast.core.plan import Plan, PlanPolicy, plan
from holdfast.jobs.account_view import AccountView
from holdfast.jobs.deciding import Decisions
from holdfast.jobs.ports import Ports
from holdfast.jobs.venue_watch import VenueWatch

# Quotes whose expiry is nearer than this many intervals are renewed.
RENEW_INTERVALS = 2
# How far the venue's clock may be behind ours, and its sweep of expired orders behind its clock.
EXPIRY_SLACK_MS = 2_000


class Planner:
    """Draws the plan of one account at one time. Markets whose pause is active get no entries and quotes."""

    def __init__(
        self, ports: Ports, watch: VenueWatch, pauses: Mapping[str, MarketPause], now_ms: int, interval_ms: int
    ) -> None:
        self._ports, self._watch = ports, watch
        self._paused = {market for market, pause in pauses.items() if pause.is_active(now_ms)}
        self._now_ms, self._interval_ms = now_ms, interval_ms

    def draw(
        self,
        view: AccountView,
        held: Mapping[str, int],
        decided: Decisions,
        quotes: Sequence[TargetOrder],
        *,
        exits_only: bool = False,
    ) -> Plan:
        """The plan. `held` are signed sizes by market, `quotes` include entries. `exits_only`: nothing else was paid
        for, or is safe."""
        # The venue's clock ends an order, so by ours it counts a little longer, else its successor may meet it. One
        # that expired after the list was true counts as well: nobody knows yet what it filled until then.
        expired_ms = min(self._now_ms, view.as_of_ms) - EXPIRY_SLACK_MS
        renew_before_ms = RENEW_INTERVALS * self._interval_ms + self._now_ms - expired_ms
        drawn = plan(
            [self._as_planned(order, view) for order in view.open_orders],
            (*decided.exits, *quotes),
            now_ms=expired_ms,
            capabilities=self._ports.venue.capabilities,
            policy=PlanPolicy(renew_before_ms=renew_before_ms),
            positions=held,
            frozen=view.frozen,
            paused=self._paused | self._watch.closed([config.market for config in self._ports.cache.configs]),
            exit_markets=decided.exit_markets if view.is_current else frozenset(),
        )
        if exits_only or not view.is_current:
            # A list older than what we know shows neither what rests nor what is gone: exits alone are safe on it, once
            # what is known to rest in their way is cancelled, else both fill and the position turns over.
            return Plan(exit_cancels=drawn.exit_cancels, exits=drawn.exits, dropped=drawn.dropped)
        return drawn

    def _as_planned(self, order: OpenOrder, view: AccountView) -> OpenOrder:
        """An order as the plan may see it: one that can't be cancelled now is an obstacle, like a foreign one."""
        rules = self._ports.cache.rules.get(order.market)
        is_over = rules is not None and rules.is_over(self._now_ms)
        if order.order_id in view.doubtful or is_over or not self._watch.takes_cancel(order.market):
            return structs.replace(order, purpose=None)
        return order

"""Decide targets for every configured market: quotes by its strategy, and the inventory stop.

An error in one market's strategy, or a missing book, cancels that market's quotes only.
"""

from collections.abc import Mapping

from msgspec import Struct, structs

from holdfast.core.book import BookState, OrderBook, Top
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import MarketRules
from holdfast.core.orders import Purpose, TargetOrder, TimeInForce
from holdfast.core.positions import Position
from holdfast.core.risk import FlattenDecision, InventoryStop, should_flatten
from holdfast.core.strategy import MarketView, Strategy
from holdfast.jobs.ports import Ports
from holdfast.state.markets import MarketConfig
from holdfast.telemetry.port import Level

# A book that the venue answered longer ago than this is no basis for a decision of this tick.
STALE_AFTER_MS = 10_000


class Decisions(Struct, frozen=True):
    """What the account wants. `quotes` by market; `quiet` says why a market has none, one word each.

    `exit_markets`: where `exits` say all there is to say, so that an exit which rests there and is none of them is not
    wanted any more. A market where nobody can tell is not among them.
    """

    quotes: dict[str, tuple[TargetOrder, ...]]
    exits: tuple[TargetOrder, ...]
    quiet: dict[str, str]
    exit_markets: frozenset[str] = frozenset()


class Decider:
    """Runs the strategies of one account over one tick's books.

    `one` is the price of 1 on a netting venue, else None; `expires_at_ms` is what this tick's quotes carry.
    """

    def __init__(self, ports: Ports, decision_prefix: str, now_ms: int, expires_at_ms: int) -> None:
        self._ports = ports
        self._prefix = decision_prefix
        self._now_ms = now_ms
        self._expires_at_ms = expires_at_ms
        self._scale = ports.venue.capabilities.scale
        self._one = ports.venue.capabilities.one

    def decide(
        self,
        books: Mapping[str, OrderBook],
        positions: Mapping[str, Position],
        stop: InventoryStop,
    ) -> Decisions:
        """Targets of every configured market. `books` are net of our own orders."""
        quotes: dict[str, tuple[TargetOrder, ...]] = {}
        quiet: dict[str, str] = {}
        exits: list[TargetOrder] = []
        certain: set[str] = set()
        for config in self._ports.cache.configs:
            if config.mode != "quote":
                continue
            position = positions.get(config.market) or Position(config.market)
            book = books.get(config.market)
            rules = self._ports.cache.rules.get(config.market)
            # What is held in a market that is over waits for its settlement.
            if position.size and rules is not None and not rules.is_over(self._now_ms):
                decision = self._stop_inventory(config, position, book, rules, stop)
                exits += [decision.target] if decision and decision.target else []
                certain |= {config.market} if decision is None or decision.target else set()
            elif not position.size:
                certain.add(config.market)
            targets, reason = self._quote(config, position, book, rules)
            if reason:
                quiet[config.market] = reason
            elif targets:
                quotes[config.market] = targets
        return Decisions(quotes, tuple(exits), quiet, frozenset(certain))

    def _quote(
        self, config: MarketConfig, position: Position, book: OrderBook | None, rules: MarketRules | None
    ) -> tuple[tuple[TargetOrder, ...], str]:
        """One market's quotes, or none and why."""
        if not config.enabled:
            return (), "disabled"
        if rules is None:
            return (), "market_unknown"
        if book is None:
            return (), "no_book"
        loaded = self._strategy(config)
        if loaded is None:
            return (), "strategy_broken"
        strategy, parameters = loaded
        view = MarketView(
            market=config.market,
            rules=rules,
            book=book,
            book_state=book.state(self._now_ms, STALE_AFTER_MS),
            now_ms=self._now_ms,
            one=self._one,
            scale=self._scale,
            quote_expires_at_ms=self._expires_at_ms,
            decision_id=f"{self._prefix}-{config.market}",
            priority=config.priority,
        )
        try:
            targets = tuple(strategy.compute_targets(view, position, parameters))
            reason = "" if targets else strategy.quiet_reason(view, parameters) or ""
            return tuple(self._checked(target, rules) for target in targets), reason
        except Exception as error:  # noqa: BLE001 - a user's strategy may raise anything; its market alone goes quiet
            self._event("STRATEGY_FAILED", Level.ERROR, market=config.market, error=f"{type(error).__name__}: {error}")
            return (), "strategy_failed"

    def _strategy(self, config: MarketConfig) -> tuple[Strategy, object] | None:
        cache = self._ports.cache
        if config.market in cache.broken:
            return None
        if config.market not in cache.strategies:
            try:
                cache.strategies[config.market] = self._ports.load_strategy(config)
            except InvalidInputError as error:
                cache.broken[config.market] = str(error)
                self._event("STRATEGY_BROKEN", Level.ERROR, market=config.market, error=str(error))
                return None
        return cache.strategies[config.market]

    def _checked(self, target: TargetOrder, rules: MarketRules) -> TargetOrder:
        """A strategy's target, made safe: of its own market, resting, post-only, on the grid (snapped, and said)."""
        if target.market != rules.market or target.purpose is not Purpose.QUOTE:
            raise InvalidInputError("target", f"{target.purpose} in {target.market}", f"quotes in {rules.market}")
        snapped = rules.snap(target.price, target.side)
        size = rules.snap_size(target.size)
        if snapped.moved or size != target.size:
            self._event(
                "PRICE_SNAPPED",
                market=target.market,
                side=target.side.value,
                asked=target.price,
                price=snapped.price,
                asked_size=target.size,
                size=size,
            )
        safe = structs.replace(
            target,
            price=snapped.price,
            size=size,
            post_only=True,
            reduce_only=False,
            time_in_force=TimeInForce.RESTING,
            expires_at_ms=min(target.expires_at_ms or self._expires_at_ms, self._expires_at_ms),
        )
        return target if safe == target else safe

    def _stop_inventory(
        self,
        config: MarketConfig,
        position: Position,
        book: OrderBook | None,
        rules: MarketRules,
        stop: InventoryStop,
    ) -> FlattenDecision | None:
        """How the market is flattened when its inventory has lost too much; an alarm when nobody can tell."""
        usable = book is not None and book.state(self._now_ms, STALE_AFTER_MS) is not BookState.STALE
        top = Top(book.best_bid, book.best_ask) if book is not None and usable else Top(None, None)
        decision_id = f"{self._prefix}-{config.market}"
        decision = should_flatten(position, top, rules, self._one, stop, decision_id=decision_id)
        if decision is None:
            return None
        if decision.target is None:
            self._event("INVENTORY_STOP_BLIND", Level.ERROR, market=config.market, size=position.size)
            self._ports.telemetry.metric("InventoryStopBlind", 1)
            return decision
        self._event(
            "RISK_FLATTEN",
            Level.WARNING,
            market=config.market,
            decision_id=decision_id,
            size=position.size,
            loss=decision.loss,
            price=decision.target.price,
        )
        return decision

    def _event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        self._ports.telemetry.event(name, level, **fields)

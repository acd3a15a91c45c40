"""Strategies as a user could write them, some of them badly."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from holdfast.core.market import Side
from holdfast.core.orders import Purpose, TargetOrder
from holdfast.core.positions import Position
from holdfast.core.strategy import MarketView


class NoConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class Raising:
    """Fails on every book."""

    Config: ClassVar[type[Struct]] = NoConfig

    def compute_targets(self, view: MarketView, position: Position, config: NoConfig) -> Sequence[TargetOrder]:
        raise KeyError("a bug of the user's")

    def quiet_reason(self, view: MarketView, config: NoConfig) -> str | None:
        return None


class OffGrid:
    """Asks for prices between two ticks, and not post-only."""

    Config: ClassVar[type[Struct]] = NoConfig

    def compute_targets(self, view: MarketView, position: Position, config: NoConfig) -> Sequence[TargetOrder]:
        return [
            TargetOrder(view.market, Side.BUY, 4_750, 500, Purpose.QUOTE, "bid-0", post_only=False),
            TargetOrder(view.market, Side.SELL, 5_250, 500, Purpose.QUOTE, "ask-0", post_only=False),
        ]

    def quiet_reason(self, view: MarketView, config: NoConfig) -> str | None:
        return None

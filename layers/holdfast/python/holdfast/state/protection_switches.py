"""The switches of entries, brackets and exits."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel

from holdfast.core.distances import Distance, Distances, Unit, parse_distance
from holdfast.state.switch_fields import (
    CandleMinutes,
    DistanceText,
    YesOrNo,
    candle_minutes,
    distance,
    dollars,
    price,
    share,
    whole,
    word,
    yes_or_no,
)


class ProtectionSwitches(BaseModel):
    """The part of the set that protects positions and opens them."""

    use_concurrent_orders: YesOrNo = yes_or_no(
        True,
        "Rest the take profit of new positions at the venue. false: nothing rests, we watch and sell."
        " Open positions keep their mode.",
    )
    ab_concurrent_share: Decimal = share(
        "1", "With use_concurrent_orders: the share of new positions that get it, drawn by a hash, for A/B tests."
    )
    use_trailing_exit: YesOrNo = yes_or_no(False, "Exit when the price falls back from its best.")
    use_signal_exit: YesOrNo = yes_or_no(True, "Exit when a signal message says so.")
    use_time_exit: YesOrNo = yes_or_no(True, "Exit what has been open for too long.")
    take_profit: DistanceText = distance("0.10", "Distance from the entry price at which the gain is taken.")
    stop_loss: DistanceText = distance("0.07", "Distance from the entry price of the bracket's own stop.")
    soft_stop: DistanceText = distance("0.07", "Distance from the entry price of the position monitor's stop.")
    hard_stop: DistanceText = distance("0.10", "Distance from the entry price of the last resort; the widest stop.")
    trailing_activation: DistanceText = distance("0.05", "Gain from which on the trailing stop is active.")
    trailing_distance: DistanceText = distance("0.04", "How far below the best price since then it sells.")
    atr_bar_minutes: CandleMinutes = candle_minutes(
        60, "Minutes of the candles that an ATR is worked out from: a minute's, an hour's or a day's."
    )
    max_position_hours: int = whole(0, 0, 8760, "Exit a position of this age; 0: never for its age.")
    max_limit_minutes: int = whole(
        0, 0, 525_600, "Exit a position whose take profit has rested for so long, e.g. 60; 0: never for that."
    )
    entry_slippage: Decimal = price("0.02", "How far beyond the best price an entry may pay.")
    exit_slippage: Decimal = price("0.03", "How far below the last trusted price an exit may sell at first.")
    exit_slippage_step: Decimal = price("0.03", "How much further after each exit_widen_seconds.")
    exit_slippage_most: Decimal = price("0.15", "How far at most; it keeps trying there, and alarms.")
    exit_widen_seconds: int = whole(30, 1, 3600, "How long an exit keeps its floor before it is widened.")
    exit_max_spread: Decimal = price("0.20", "On a wider spread the best bid alone is no price to trust.")
    max_exit_slice: Decimal = dollars("1000", "Most that one order of an exit sells at once.")
    exit_alarm_after: int = whole(3, 1, 100, "Alarm after this many failures of one exit; it goes on all the same.")
    partial_tp_policy: Literal["wait", "sell"] = word(
        "wait",
        ("wait", "sell"),
        "A take profit that filled in part: wait for the rest, or sell it above partial_tp_threshold.",
    )
    partial_tp_threshold: int = whole(80, 1, 99, "Percent of the take profit that must have filled for that.")
    cancel_timeout_seconds: int = whole(5, 1, 30, "How long an exit waits for the take profit's cancel to be final.")
    adopt_unprotected: Literal["flag", "adopt"] = word(
        "adopt",
        ("flag", "adopt"),
        "A position that no bracket protects: only say so, or protect it with these distances.",
    )
    further_entries: Literal["refuse", "merge"] = word(
        "refuse",
        ("refuse", "merge"),
        "An entry in a market with a position: refuse it, or merge it into the same outcome's.",
    )
    blacklist_days: int = whole(3, 1, 365, "How long a market is refused after its last stop loss.")
    blacklist_attempts: int = whole(2, 1, 100, "How many stop losses within blacklist_days have it refused.")
    order_check_interval_seconds: int = whole(
        30, 1, 900, "Seconds from one bracket tick to the next: a divisor of 60, or whole minutes."
    )
    price_stale_seconds: int = whole(60, 1, 900, "An older price protects nothing: the position counts as naked.")
    capital_total: Decimal = dollars("1000", "Most that entries may have at risk together.")
    max_trade_size: Decimal = dollars("50", "Most that one entry may cost, fees included.")
    scan_entries: YesOrNo = yes_or_no(False, "Let the market scanner open positions.")
    scan_min_price: Decimal = price("0.10", "Scanner: the lowest price that it buys at.")
    scan_max_price: Decimal = price("0.90", "Scanner: the highest price that it buys at.")
    scan_max_spread: Decimal = price("0.04", "Scanner: the widest spread.")
    scan_min_volume: Decimal = dollars("1000", "Scanner: the least volume of a day.")
    scan_min_depth: Decimal = dollars("100", "Scanner: the least that rests near the best price.")
    scan_min_minutes_to_close: int = whole(60, 0, 525_600, "Scanner: no market that closes sooner.")
    scan_max_hours_to_close: int = whole(168, 1, 87_600, "Scanner: no market that closes later.")
    scan_most_entries: int = whole(1, 1, 100, "Scanner: most entries of one tick.")

    @property
    def distances(self) -> Distances:
        """The distances of new brackets; no trailing ones while the trailing exit is off."""
        return Distances(
            take_profit=parse_distance(self.take_profit),
            stop_loss=parse_distance(self.stop_loss),
            soft_stop=parse_distance(self.soft_stop),
            hard_stop=parse_distance(self.hard_stop),
            trailing_activation=parse_distance(self.trailing_activation) if self.use_trailing_exit else None,
            trailing_distance=parse_distance(self.trailing_distance) if self.use_trailing_exit else None,
        )

    @property
    def adopting_distances(self) -> Distances:
        """Those of a position that is held already: the defaults of all where one is in ATR.

        An ATR is read for entries alone: what nobody can read stops an entry, never protection.
        """
        wanted = self.distances
        return ProtectionSwitches().distances if wanted.needs_atr else wanted

    def protection_problems(self) -> list[tuple[str, str]]:
        """Which switches make no sense beside others: (switch, what is allowed)."""
        return [*self._distance_problems(), *self._bound_problems()]

    def _distance_problems(self) -> list[tuple[str, str]]:
        """Distances are compared here where both are in one unit, at an entry price by `holdfast validate`."""
        found = {name: parse_distance(getattr(self, name)) for name in _STOPS}
        problems = [
            (name, "less than 100%: the price can't fall further")
            for name, stop in found.items()
            if stop.unit is Unit.PERCENT and stop.amount >= 100
        ]
        problems += [
            ("hard_stop", f"more than {name} ({found[name]}): it is the last resort")
            for name in ("stop_loss", "soft_stop")
            if _at_least(found[name], found["hard_stop"])
        ]
        activation, target = parse_distance(self.trailing_activation), parse_distance(self.take_profit)
        if self.use_trailing_exit and _at_least(activation, target):
            problems.append(("trailing_activation", f"less than take_profit ({target}); it could never be active"))
        return problems

    def _bound_problems(self) -> list[tuple[str, str]]:
        interval = self.order_check_interval_seconds
        checks = (
            (
                60 % interval if interval < 60 else interval % 60,
                "order_check_interval_seconds",
                "a divisor of 60 (1 to 30) or a multiple of it (60 to 900)",
            ),
            (
                self.price_stale_seconds < interval,
                "price_stale_seconds",
                f"at least order_check_interval_seconds ({interval}); no price would last until the next tick",
            ),
            (
                self.exit_slippage > self.exit_slippage_most,
                "exit_slippage",
                f"at most exit_slippage_most ({self.exit_slippage_most})",
            ),
            (
                self.max_trade_size > self.capital_total,
                "max_trade_size",
                f"at most capital_total ({self.capital_total})",
            ),
            (
                self.scan_min_price >= self.scan_max_price,
                "scan_min_price",
                f"less than scan_max_price ({self.scan_max_price})",
            ),
            (
                self.scan_min_minutes_to_close >= 60 * self.scan_max_hours_to_close,
                "scan_min_minutes_to_close",
                f"less than scan_max_hours_to_close ({self.scan_max_hours_to_close} hours)",
            ),
        )
        return [(name, allowed) for is_wrong, name, allowed in checks if is_wrong]


_STOPS = ("stop_loss", "soft_stop", "hard_stop")


def _at_least(distance: Distance, other: Distance) -> bool:
    return distance.unit is other.unit and distance.amount >= other.amount

"""What the switches and the venue make of exits: the policy of their execution, and the rules of their decision."""

from holdfast.core.exit_rules import ExitRules
from holdfast.core.floors import FloorPolicy
from holdfast.core.protection import Policy
from holdfast.jobs.ports import Ports
from holdfast.state.switch_set import Switches


def exit_policy(ports: Ports, switches: Switches, one: int | None) -> Policy:
    """How exits and legs are carried out. `one` is the price of 1 on a netting venue, else None."""
    capabilities = ports.venue.capabilities
    scale = capabilities.scale
    return Policy(
        capabilities=capabilities,
        one=one,
        floors=FloorPolicy(
            first=scale.price(switches.exit_slippage, "exit_slippage"),
            step=scale.price(switches.exit_slippage_step, "exit_slippage_step"),
            most=scale.price(switches.exit_slippage_most, "exit_slippage_most"),
            every_ms=switches.exit_widen_seconds * 1000,
            alarm_after=switches.exit_alarm_after,
        ),
        max_slice_money=scale.money(switches.max_exit_slice, "max_exit_slice"),
        cancel_timeout_ms=switches.cancel_timeout_seconds * 1000,
        reads_lag_ms=max(capabilities.read_lag_ms, capabilities.as_of_slack_ms) + 2_000,
        sell_rest_percent=switches.partial_tp_threshold if switches.partial_tp_policy == "sell" else 0,
    )


def exit_rules(ports: Ports, switches: Switches, one: int | None) -> ExitRules:
    """When a bracket exits."""
    scale = ports.venue.capabilities.scale
    return ExitRules(
        scale=scale,
        stale_after_ms=switches.price_stale_seconds * 1000,
        max_spread=scale.price(switches.exit_max_spread, "exit_max_spread"),
        one=one,
        use_trailing=switches.use_trailing_exit,
        use_signal=switches.use_signal_exit,
        use_time=switches.use_time_exit,
        max_position_ms=switches.max_position_hours * 3_600_000,
        max_limit_ms=switches.max_limit_minutes * 60_000,
    )

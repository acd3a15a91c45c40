"""The owner's switches: what they are, and the rules that a set of them must keep.

Each is one parameter, `/holdfast/{stage}/{account|all}/{name}`, the account's value before everybody's, else the
default.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self

from msgspec import Struct
from pydantic import ConfigDict, ValidationError, model_validator

from holdfast.core.errors import InvalidInputError
from holdfast.state.parameters import Parameters
from holdfast.state.protection_switches import ProtectionSwitches
from holdfast.state.switch_fields import BOOLEANS, CrossCheckError, YesOrNo, dollars, price, whole, yes_or_no
from holdfast.state.tables import checked_stage

EVERYBODY = "all"


class Switches(ProtectionSwitches):
    """One whole set of switches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dry_run: YesOrNo = yes_or_no(
        False, "Plan and log, but send no new entries and quotes. What is live already is still managed."
    )
    use_batch_execution: YesOrNo = yes_or_no(
        True, "Send orders and cancels in batches. false: the same plan one by one."
    )
    use_gasless: YesOrNo = yes_or_no(
        False,
        "Redeem what resolved through the venue's relayer, which pays the gas. false: left to the owner, and said.",
    )
    halt: YesOrNo = yes_or_no(False, "Cancel every quote and entry and place none. Exits go on.")
    config_refresh_ticks: int = whole(10, 1, 1000, "Read market configs and rules again after this many ticks.")
    execution_interval_seconds: int = whole(
        60, 1, 900, "Seconds from one tick to the next: a divisor of 60, or whole minutes."
    )
    max_wait_seconds: int = whole(
        20, 0, 300, "How long one tick may wait in all for rate-limit tokens; less than the interval."
    )
    max_daily_loss: Decimal = dollars("100", "Halt quotes and entries once a UTC day has lost this much.")
    max_gross_exposure: Decimal = dollars("1000", "Most that may be at risk in all markets together.")
    max_market_exposure: Decimal = dollars("200", "Most that may be at risk in one market.")
    max_open_orders: int = whole(1000, 1, 100_000, "Most orders that may rest at once.")
    inventory_stop_loss: Decimal = dollars(
        "20", "Flatten a quoted market once its inventory would lose this much if closed now."
    )
    inventory_stop_slippage_ticks: int = whole(
        2, 0, 100, "How many ticks beyond the best price the flattening order may trade."
    )
    inventory_stop_max_spread: Decimal = price(
        "0.20", "On a wider spread (a price) the stop waits and alarms: one abandoned bid is not a market."
    )
    quote_lifetime_intervals: int = whole(
        5, 3, 100, "A quote expires this many intervals ahead, unless a tick renews it."
    )

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        problems = self.protection_problems()
        interval = self.execution_interval_seconds
        if 60 % interval if interval < 60 else interval % 60:
            problems.append(("execution_interval_seconds", "a divisor of 60 (1 to 30) or a multiple of it (60 to 900)"))
        if self.max_wait_seconds >= interval:
            problems.append(("max_wait_seconds", f"less than execution_interval_seconds ({interval})"))
        gross = self.max_gross_exposure
        if self.max_market_exposure > gross:
            problems.append(("max_market_exposure", f"at most max_gross_exposure ({gross})"))
        if self.inventory_stop_loss > self.max_market_exposure:
            exposure = self.max_market_exposure
            problems.append(("inventory_stop_loss", f"at most max_market_exposure ({exposure}); it could never fire"))
        if problems:
            raise CrossCheckError(problems)
        return self


# Its own first, as they are read.
NAMES = (*Switches.__annotations__, *ProtectionSwitches.model_fields)


class SwitchTexts(Struct, frozen=True):
    """The switches as they stand in the parameters: an account's own, and everybody's."""

    stage: str
    account: str
    own: dict[str, str]
    everybody: dict[str, str]

    @property
    def merged(self) -> dict[str, str]:
        """The account's value before everybody's."""
        return self.everybody | self.own

    def source(self, name: str) -> str:
        """Whose value is in force: the account's id, "all" or "default"."""
        if name in self.own:
            return self.account
        return EVERYBODY if name in self.everybody else "default"

    def changed(self, scope: str, changes: Mapping[str, str | None]) -> "SwitchTexts":
        """The texts after these changes at `scope`; None removes one."""
        texts = self.everybody if scope == EVERYBODY else self.own
        after = {name: text for name, text in {**texts, **changes}.items() if text is not None}
        own, everybody = (self.own, after) if scope == EVERYBODY else (after, self.everybody)
        return SwitchTexts(self.stage, self.account, own, everybody)


def parameter_path(stage: str, scope: str) -> str:
    """Where the switches of an account, or of "all", are."""
    return f"/holdfast/{checked_stage(stage)}/{scope}"


def read_texts(parameters: Parameters, stage: str, account: str) -> SwitchTexts:
    """Every switch parameter that concerns this account. Raises StoreError."""
    return SwitchTexts(
        stage,
        account,
        parameters.read(parameter_path(stage, account)),
        parameters.read(parameter_path(stage, EVERYBODY)),
    )


def check(texts: SwitchTexts) -> tuple[Switches | None, tuple[str, ...]]:
    """The whole set, or None and one sentence for each problem: the parameter's full name, its value, what is allowed.

    A name that is unknown is a problem too: it is a switch that somebody believes to have set.
    """
    try:
        return Switches.model_validate(texts.merged), ()
    except ValidationError as error:
        problems = [problem for detail in error.errors() for problem in _problems(texts, detail)]
    return None, tuple(problems)


def asks_halt(texts: SwitchTexts) -> bool:
    """Whether a halt is asked for, whatever else may be wrong with the set."""
    return BOOLEANS.get(texts.merged.get("halt", "").strip().lower(), False)


def text_of(value: object) -> str:
    """A switch's value as a person writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def allowed(name: str) -> str:
    """What a switch may be, in words. Raises InvalidInputError for a name that is none."""
    if name not in Switches.model_fields:
        raise InvalidInputError("switch", name, f"one of {', '.join(NAMES)}")
    extra = Switches.model_fields[name].json_schema_extra
    return str(extra["allowed"]) if isinstance(extra, dict) else ""


def _problems(texts: SwitchTexts, detail: Any) -> list[str]:
    """One validation error in words."""
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, CrossCheckError):
        return [_sentence(texts, name, allowed_now) for name, allowed_now in cause.problems]
    name = str(detail["loc"][0])
    if name not in Switches.model_fields:
        place = f"{parameter_path(texts.stage, texts.source(name))}/{name}"
        return [f"{place}: {texts.merged[name]!r} is set, but there is no such switch; there are {', '.join(NAMES)}"]
    return [_sentence(texts, name, allowed(name))]


def _sentence(texts: SwitchTexts, name: str, allowed_now: str) -> str:
    source = texts.source(name)
    scope = EVERYBODY if source == "default" else source
    value = texts.merged.get(name)
    shown = f"{value!r}" if value is not None else f"the default {text_of(Switches.model_fields[name].default)!r}"
    return f"{parameter_path(texts.stage, scope)}/{name}: {shown} is not allowed; allowed: {allowed_now}"

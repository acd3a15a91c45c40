"""Market configs: which markets an account works, how, and with which strategy.

One item per market of an account, so no market is ever in both modes. Changes name the version that they replace.
"""

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, cast

import msgspec
from msgspec import Struct, structs

from holdfast.core.errors import ConditionFailedError, InvalidInputError
from holdfast.core.market import checked_market
from holdfast.core.strategy import Strategy
from holdfast.state.brackets import Brackets
from holdfast.state.port import Absent, Check, Delete, Equals, Item, Key, Put, Store, Table
from holdfast.state.records import Unreadable, decoded, readable

MODES = ("quote", "protect")
DEFAULT_STRATEGY = "holdfast.core.quoting:InventorySkewQuotes"

Parameter = str | int | bool


class MarketConfig(Struct, frozen=True, kw_only=True):
    """What is wanted in one market.

    `mode` is "quote" (a strategy makes two-sided quotes) or "protect" (positions with brackets, no strategy).
    `strategy` is "module:Class", and `parameters` are its Config's, decimals as text. `priority` ranks markets when
    tokens are short: higher goes first. `version` is 0 until stored.
    """

    market: str
    mode: str = "quote"
    enabled: bool = True
    strategy: str = ""
    parameters: dict[str, Parameter] = {}
    priority: int = 0
    version: int = 0

    def __post_init__(self) -> None:
        checked_market(self.market)
        if self.mode not in MODES:
            raise InvalidInputError(f"mode of market {self.market}", self.mode, f"one of {', '.join(MODES)}")
        if self.mode == "quote" and not self.strategy:
            raise InvalidInputError(f"strategy of market {self.market}", "", f'"module:Class", e.g. {DEFAULT_STRATEGY}')
        if self.mode == "protect" and (self.strategy or self.parameters):
            named = self.strategy or ", ".join(self.parameters)
            raise InvalidInputError(f"strategy of market {self.market}", named, "none in mode protect")


def quoted_markets(configs: Iterable[MarketConfig]) -> set[str]:
    """Markets in mode quote, enabled or not: what is held there is the inventory stop's, never a bracket's."""
    return {config.market for config in configs if config.mode == "quote"}


class MarketConfigs:
    """One account's market configs."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._account = account

    def list(self) -> list[MarketConfig]:
        """Every config in order of market. Raises StoreError where one can't be read."""
        return [decoded("market", item, _config) for item in self._store.query(Table.MARKETS, self._account)]

    def read(self) -> tuple[Sequence[MarketConfig], tuple[Unreadable, ...]]:
        """What `list` has, and the configs that can't be read, by their markets."""
        return readable("market", self._store.query(Table.MARKETS, self._account), _config)

    def get(self, market: str) -> MarketConfig | None:
        """One market's config."""
        item = self._store.get(self._key(market))
        return decoded("market", item, _config) if item else None

    def save(self, config: MarketConfig) -> MarketConfig:
        """Replace the version that `config` carries (0: there must be none); returns it with its new version.

        Check it with `load_strategy` first. ConditionFailedError: another person was faster. Raises InvalidInputError
        where a market with an open bracket would be quoted.
        """
        stored, put = self._replacing(config)
        if config.mode != "quote":
            self._store.write(put)
            return stored
        try:
            self._store.transact([put, Brackets(self._store, self._account).none_open(config.market)])
        except ConditionFailedError as error:
            if 0 in error.failed:
                raise
            raise InvalidInputError(
                f"mode of market {config.market}", "quote", "protect while a position's bracket is open"
            ) from None
        return stored

    def protecting(self, market: str, config: MarketConfig | None) -> Put | Check:
        """The write that goes with a market's entry, `config` being the market's as it was read.

        A market without a config becomes one of mode protect; else the config must still be the one that was read.
        """
        if config is not None:
            return Check(self._key(market), Equals("version", config.version))
        return self._replacing(MarketConfig(market=market, mode="protect"))[1]

    def _replacing(self, config: MarketConfig) -> tuple[MarketConfig, Put]:
        """The config's next version, and the conditional write of it."""
        stored = structs.replace(config, version=config.version + 1)
        condition = Equals("version", config.version) if config.version else Absent()
        fields = structs.asdict(stored)
        item = {"pk": self._account, "sk": fields.pop("market"), **fields}
        return stored, Put(Table.MARKETS, item, condition)

    def set_enabled(self, market: str, enabled: bool) -> MarketConfig:
        """Switch one market on or off. Raises InvalidInputError where it has no config."""
        while True:
            config = self.get(market)
            if config is None:
                raise InvalidInputError("market", market, f"a market with a config in account {self._account}")
            try:
                return config if config.enabled is enabled else self.save(structs.replace(config, enabled=enabled))
            except ConditionFailedError:
                continue

    def remove(self, market: str) -> None:
        """Forget one market's config."""
        self._store.write(Delete(self._key(market)))

    def _key(self, market: str) -> Key:
        checked_market(market)
        return Key(Table.MARKETS, self._account, market)


def load_strategy(config: MarketConfig) -> tuple[Strategy, object]:
    """A market's strategy and its checked parameters. Raises InvalidInputError, naming the parameter at fault."""
    where = f"strategy of market {config.market}"
    strategy_class = _find(where, config.strategy)
    parameters_class = getattr(strategy_class, "Config", None)
    if not (isinstance(parameters_class, type) and issubclass(parameters_class, Struct)):
        raise InvalidInputError(where, config.strategy, "a class whose Config is a msgspec Struct")
    if not parameters_class.__struct_config__.forbid_unknown_fields:
        raise InvalidInputError(where, config.strategy, "a class whose Config has forbid_unknown_fields=True")
    for method in ("compute_targets", "quiet_reason"):
        if not callable(getattr(strategy_class, method, None)):
            raise InvalidInputError(where, config.strategy, f"a class with a method {method}")
    try:
        strategy = cast(Strategy, strategy_class())
    except Exception as error:  # a user's code may raise anything; its market alone goes quiet
        raise InvalidInputError(where, config.strategy, f"a class made without arguments ({_said(error)})") from error
    return strategy, _parameters(config, parameters_class)


def _find(where: str, path: str) -> Any:
    """The class at "module:Class"."""
    module_name, colon, class_name = path.partition(":")
    if not (module_name and colon and class_name):
        raise InvalidInputError(where, path, f'"module:Class", e.g. {DEFAULT_STRATEGY}')
    try:
        found = getattr(import_module(module_name), class_name, None)
    except Exception as error:  # the same
        raise InvalidInputError(where, path, f"a module that can be imported ({_said(error)})") from error
    if not isinstance(found, type):
        raise InvalidInputError(where, path, f"a class in module {module_name}")
    return found


def _parameters(config: MarketConfig, parameters_class: type[Struct]) -> Struct:
    try:
        # Not strict: a number or boolean may be written as text.
        return msgspec.convert(config.parameters, parameters_class, strict=False)
    except InvalidInputError as error:
        # The Config's own check.
        raise InvalidInputError(_parameter(config, error.field), error.value, error.allowed) from None
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        name = path.strip("`").removeprefix("$.") or _unknown_field(message)
        known = ", ".join(parameters_class.__struct_fields__)
        allowed = f"one of {known}" if name not in parameters_class.__struct_fields__ else message
        raise InvalidInputError(_parameter(config, name), config.parameters.get(name, ""), allowed) from None
    except Exception as error:  # the same, from the Config's own check
        raise InvalidInputError(f"parameters of market {config.market}", config.parameters, _said(error)) from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _parameter(config: MarketConfig, name: str) -> str:
    return f"parameter {name} of market {config.market}"


def _unknown_field(message: str) -> str:
    """The name in msgspec's "Object contains unknown field `x`" or "... missing required field `x`"."""
    return message.rpartition(" `")[2].rstrip("`")


def _config(item: Item) -> MarketConfig:
    fields = {name: item[name] for name in MarketConfig.__struct_fields__ if name in item}
    return msgspec.convert({"market": item["sk"], **fields}, MarketConfig)

"""holdfast markets: list, set, enable, disable, discover."""

from collections.abc import Sequence
from typing import Annotated

import typer
from msgspec import structs

from cli.discover import discover
from cli.output import say, show
from cli.regions import each_account, stage_of
from cli.stage import DEFAULT_STAGE, AccountOption, ListedAccountOption, StageOption, assignments
from holdfast.state.markets import DEFAULT_STRATEGY, MODES, MarketConfig, MarketConfigs, load_strategy

app = typer.Typer(help="Markets: which ones an account works, and how.", no_args_is_help=True)
app.command("discover")(discover)

MarketArgument = Annotated[str, typer.Argument(help="The market's id at its venue.")]


@app.command("list")
def list_markets(account: ListedAccountOption = "", stage: StageOption = DEFAULT_STAGE) -> None:
    """Show the markets that an account works, or each account does."""
    for where, record in each_account(stage, account):
        _show(MarketConfigs(where.store, record.account_id))


def _show(configs: MarketConfigs) -> None:
    rows = [
        (
            config.market,
            config.mode,
            "yes" if config.enabled else "no",
            str(config.priority),
            config.strategy or "-",
            _parameters(config),
        )
        for config in configs.list()
    ]
    show(("market", "mode", "enabled", "priority", "strategy", "parameters"), rows)


@app.command("set")
def set_market(
    market: MarketArgument,
    account: AccountOption,
    mode: Annotated[str | None, typer.Option(help=f"One of {', '.join(MODES)}; a new market's is quote.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help=f"module:Class; a new quoted market's is {DEFAULT_STRATEGY}.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE for the strategy; repeat it. Others stay as they are.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Drop the parameters set earlier.")] = False,
    priority: Annotated[int | None, typer.Option(help="Higher goes first when rate-limit tokens are short.")] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enabled/--disabled", help="Whether it is worked; a new market is.")
    ] = None,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Add a market or change it, after checking its strategy and every parameter."""
    configs = _configs(stage, account)
    base = configs.get(market) or MarketConfig(market=market, strategy=DEFAULT_STRATEGY)
    config = _with_strategy(base, mode or base.mode, strategy, assignments(param or [], "--param"), fresh=fresh)
    if priority is not None:
        config = structs.replace(config, priority=priority)
    if enabled is not None:
        config = structs.replace(config, enabled=enabled)
    if config.mode == "quote":
        load_strategy(config)
    say(_line(account, configs.save(config)))


@app.command("enable")
def enable_market(market: MarketArgument, account: AccountOption, stage: StageOption = DEFAULT_STAGE) -> None:
    """Work a market again."""
    configs = _configs(stage, account)
    known = configs.get(market)
    if known is not None and known.mode == "quote":
        load_strategy(known)
    say(_line(account, configs.set_enabled(market, True)))


@app.command("disable")
def disable_market(market: MarketArgument, account: AccountOption, stage: StageOption = DEFAULT_STAGE) -> None:
    """Cancel a market's quotes and place none; what is held there is still watched."""
    say(_line(account, _configs(stage, account).set_enabled(market, False)))


def _configs(stage: str, account: str) -> MarketConfigs:
    opened = stage_of(stage, account)
    return MarketConfigs(opened.store, opened.account(account).account_id)


def _with_strategy(
    base: MarketConfig, mode: str, strategy: str | None, parameters: dict[str, str], *, fresh: bool
) -> MarketConfig:
    """The config in this mode. Another strategy starts without the parameters of the one before."""
    if strategy is None:
        strategy = "" if mode == "protect" else base.strategy or DEFAULT_STRATEGY
    kept = {} if fresh or strategy != base.strategy else base.parameters
    return structs.replace(base, mode=mode, strategy=strategy, parameters={**kept, **parameters})


def _parameters(config: MarketConfig) -> str:
    return " ".join(f"{name}={_text(value)}" for name, value in sorted(config.parameters.items())) or "-"


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(account: str, config: MarketConfig) -> str:
    parts: Sequence[str] = [
        f"market {config.market} of {account}: {config.mode}",
        "enabled" if config.enabled else "disabled",
        *([config.strategy] if config.strategy else []),
        *([_parameters(config)] if config.parameters else []),
    ]
    return ", ".join(parts)

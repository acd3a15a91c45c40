"""holdfast enter, holdfast exit, holdfast entries list: requests to the execute and bracket-status jobs."""

import secrets
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.output import say, show
from cli.regions import each_account, stage_of
from cli.stage import DEFAULT_STAGE, AccountOption, ListedAccountOption, Stage, StageOption
from holdfast.assembly import price_terms
from holdfast.clock import SystemClock
from holdfast.core.distances import parse_distance
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.requests import (
    LONGEST_TTL_SECONDS,
    EntryRequest,
    ExitRequest,
    Origin,
    Request,
    instrument,
    instrument_text,
)
from holdfast.core.scale import Scale
from holdfast.state.brackets import Brackets
from holdfast.state.requests import Requests, StoredRequest

app = typer.Typer(help="Requests to open or close positions, and what became of them.", no_args_is_help=True)

_TTL = 300

InstrumentArgument = Annotated[
    str, typer.Argument(help="MARKET for its first outcome, MARKET:NO for the second (Kalshi).", metavar="MARKET[:NO]")
]
TtlOption = Annotated[
    int,
    typer.Option(help=f"Seconds until it is too late, {LONGEST_TTL_SECONDS} at most; longer than a tick's interval."),
]
IdOption = Annotated[
    str,
    typer.Option("--id", help="An id of your own: a second request of one id does nothing, so a script may repeat."),
]
DISTANCE = 'A price such as 0.07, or "8%", or "1.8atr"; else the switch'


def enter(
    market: InstrumentArgument,
    account: AccountOption,
    size: Annotated[str, typer.Option(help="How many contracts or shares.")] = "",
    amount: Annotated[str, typer.Option(help="How many dollars to spend at most, fees included.")] = "",
    limit: Annotated[str, typer.Option(help="The worst price to pay; else the slippage that the switch allows.")] = "",
    take_profit: Annotated[str, typer.Option(help=f"{DISTANCE} take_profit.")] = "",
    stop_loss: Annotated[str, typer.Option(help=f"{DISTANCE} stop_loss; the soft stop too.")] = "",
    hard_stop: Annotated[str, typer.Option(help=f"{DISTANCE} hard_stop.")] = "",
    ttl: TtlOption = _TTL,
    request_id: IdOption = "",
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Ask the execute job to open a position. Without size and amount it is as large as the limits allow."""
    opened = stage_of(stage, account)
    scale, _ = price_terms(opened.account(account))
    _check_above_zero(scale, size, amount, limit)
    name, side = instrument(market)
    now_ms, until_ms = _times(ttl)
    wanted = {"take_profit": take_profit, "stop_loss": stop_loss, "hard_stop": hard_stop}
    request = EntryRequest(
        request_id=_request_id(request_id),
        account=account,
        market=name,
        side=side,
        origin=Origin.COMMAND,
        requested_at_ms=now_ms,
        expires_at_ms=until_ms,
        size=size,
        amount=amount,
        limit=limit,
        protection={field: str(parse_distance(text, _option(field))) for field, text in wanted.items() if text},
    )
    _put(opened, request, now_ms)


def leave(
    market: InstrumentArgument,
    account: AccountOption,
    ttl: TtlOption = _TTL,
    request_id: IdOption = "",
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Ask the bracket-status job to close a market's position. MARKET alone means whichever outcome is held."""
    opened = stage_of(stage, account)
    name, side = instrument(market)
    brackets = Brackets(opened.store, opened.account(account).account_id).open()
    bracket = brackets.get(name)
    if bracket is None or (side is Side.SELL and bracket.side is Side.BUY):
        held = ", ".join(instrument_text(each.market, each.side) for each in brackets.values()) or "none is open"
        raise InvalidInputError("market", market, f"one with an open position: {held}")
    now_ms, until_ms = _times(ttl)
    request = ExitRequest(
        request_id=_request_id(request_id),
        account=account,
        market=name,
        side=Side.SELL if side is Side.SELL else None,
        origin=Origin.COMMAND,
        requested_at_ms=now_ms,
        expires_at_ms=until_ms,
    )
    _put(opened, request, now_ms)


@app.command("list")
def list_requests(account: ListedAccountOption = "", stage: StageOption = DEFAULT_STAGE) -> None:
    """Show the requests of the last two weeks and what became of them, latest first."""
    for opened, record in each_account(stage, account):
        known = Requests(opened.store, record.account_id).known()
        show(("request", "by", "what", "requested", "state", "since", "why"), [_row(stored) for stored in known])


def _put(opened: Stage, request: Request, now_ms: int) -> None:
    if not Requests(opened.store, request.account).put(request, now_ms):
        say(f"request {request.request_id} is known already, nothing was added: see holdfast entries list")
        return
    until = _time(request.expires_at_ms)
    say(f"request {request.request_id} of {request.account}: {_what(request)}, good until {until}")


def _row(stored: StoredRequest) -> tuple[str, ...]:
    request = stored.request
    why = f"{stored.reason}: {stored.words}" if stored.reason and stored.words else stored.reason or stored.words
    times = (_time(request.requested_at_ms), stored.state.value, _time(stored.at_ms))
    return request.request_id, request.origin.value, _what(request), *times, why or "-"


def _what(request: Request) -> str:
    """A request in words, e.g. "enter KXFED:NO, amount 25, limit 0.62"."""
    if isinstance(request, ExitRequest):
        return f"exit {instrument_text(request.market, request.side or Side.BUY)}"
    asked = [("size", request.size), ("amount", request.amount), ("limit", request.limit)]
    asked += [(name.replace("_", " "), text) for name, text in request.protection.items()]
    words = [f"{name} {text}" for name, text in asked if text]
    return ", ".join([f"enter {instrument_text(request.market, request.side)}", *words])


def _check_above_zero(scale: Scale, size: str, amount: str, limit: str) -> None:
    for name, text, read in (
        ("size", size, scale.size),
        ("amount", amount, scale.money),
        ("limit", limit, scale.price),
    ):
        if text and read(text, _option(name)) <= 0:
            raise InvalidInputError(_option(name), text, "more than 0")


def _times(ttl: int) -> tuple[int, int]:
    """Now, and when the request is too late."""
    if not 1 <= ttl <= LONGEST_TTL_SECONDS:
        raise InvalidInputError("--ttl", ttl, f"1 to {LONGEST_TTL_SECONDS} seconds")
    now_ms = SystemClock().now_ms()
    return now_ms, now_ms + ttl * 1000


def _request_id(given: str) -> str:
    return f"{Origin.COMMAND}-{given or secrets.token_hex(6)}"


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""holdfast markets discover: look for markets at the account's venue."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.output import say, show
from cli.regions import stage_of
from cli.stage import DEFAULT_STAGE, AccountOption, StageOption
from holdfast.clock import SystemClock
from holdfast.core.discovery import ListedMarket, MarketQuery
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import MarketStatus
from holdfast.core.scale import Scale

_ANY = "any"
_COLUMNS = ("status", "closes (UTC)", "bid", "ask", "spread", "24 h volume", "outcome", "title", "event", "market")
_DURATION = re.compile(r"(\d{1,6})([smhd])")
_MILLISECONDS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TITLE_LENGTH = 70

PriceOption = typer.Option(help="A price in dollars, e.g. 0.35, against the best ask: what one pays to buy now.")


def discover(
    account: AccountOption,
    text: Annotated[str, typer.Option(help="Words that all occur in its title, outcome or ids.")] = "",
    event: Annotated[str, typer.Option(help="Of this event: the venue's ticker or slug.")] = "",
    series: Annotated[str, typer.Option(help="Of this series: its ticker (Kalshi).")] = "",
    tag: Annotated[str, typer.Option(help="With this tag: its slug or number (Polymarket).")] = "",
    status: Annotated[str, typer.Option(help=f"One of {', '.join(MarketStatus)}, or {_ANY}.")] = MarketStatus.OPEN,
    closes_within: Annotated[str, typer.Option(help="Closes in so long at most: 90m, 12h, 3d.")] = "",
    min_price: Annotated[str, PriceOption] = "",
    max_price: Annotated[str, PriceOption] = "",
    max_spread: Annotated[str, typer.Option(help="Best ask less best bid in dollars, at most.")] = "",
    min_volume: Annotated[str, typer.Option(help="Dollars traded in 24 hours, at least.")] = "",
    limit: Annotated[int, typer.Option(help="Show so many at most.")] = 50,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Look for markets at the account's venue, in the order in which it lists them. Nothing is written."""
    opened = stage_of(stage, account)
    now_ms = SystemClock().now_ms()
    within_ms = _duration_ms(closes_within)
    with opened.venue(opened.account(account)) as venue:
        scale = venue.capabilities.scale
        query = MarketQuery(
            text=text,
            event=event,
            series=series,
            tag=tag,
            status=_status(status),
            closes_after_ms=now_ms if within_ms else 0,
            closes_before_ms=now_ms + within_ms if within_ms else 0,
            min_price=scale.price(min_price, "--min-price") if min_price else None,
            max_price=scale.price(max_price, "--max-price") if max_price else None,
            max_spread=scale.price(max_spread, "--max-spread") if max_spread else None,
            min_volume_24h=scale.money(min_volume, "--min-volume") if min_volume else None,
            limit=limit,
        )
        found = venue.discover(query)
    if not found:
        say("no market matches")
        return
    show(_COLUMNS, (_row(listed, scale) for listed in found), whole=True)
    if len(found) == limit:
        say(f"the first {limit}; --limit shows more")


def _status(text: str) -> MarketStatus | None:
    if text == _ANY:
        return None
    if text not in list(MarketStatus):
        raise InvalidInputError("--status", text, f"{', '.join(MarketStatus)}, or {_ANY}")
    return MarketStatus(text)


def _duration_ms(text: str) -> int:
    """A duration such as 90m; 0 for none."""
    if not text:
        return 0
    found = _DURATION.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise InvalidInputError("--closes-within", text, "a number and s, m, h or d, e.g. 90m, 12h or 3d")
    return int(found[1]) * _MILLISECONDS[found[2]]


def _row(listed: ListedMarket, scale: Scale) -> Sequence[str]:
    """One line of the table; the id comes last, whole."""
    volume = "-" if listed.volume_24h is None else f"{scale.money_decimal(listed.volume_24h):,.0f}"
    title = " ".join(listed.title.split())
    return (
        listed.status,
        _time(listed.closes_at_ms),
        *("-" if price is None else _price(price, scale) for price in (listed.bid, listed.ask, listed.spread)),
        volume,
        " ".join(listed.outcome.split()),
        title if len(title) <= _TITLE_LENGTH else f"{title[: _TITLE_LENGTH - 1]}…",
        listed.event,
        listed.market,
    )


def _price(units: int, scale: Scale) -> str:
    """Cents as they are, finer digits where there are any."""
    whole, _, digits = scale.price_text(units).partition(".")
    return f"{whole}.{digits.rstrip('0').ljust(2, '0')}"


def _time(at_ms: int) -> str:
    if not at_ms:
        return "-"
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M")

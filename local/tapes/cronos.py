"""Reader of the CronosVirus00 recordings: full `book` messages of Polymarket's rolling five-minute markets.

A line is {"recv_ts", "slug", "msg": the venue's message}. The recording holds one market at a time; the tape lets them
all start together. Tape time is the message's own `timestamp` less the start that the slug names: it is the venue's
clock, one for the whole file, while `recv_ts` is a local clock that trails it by up to four seconds in bursts. Both
grow within every market of the recordings; a message that steps back gets the time of the one before it, because the
lines stand in the order in which they were received.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from math import gcd
from pathlib import Path
from typing import Literal

import msgspec

from holdfast.core.book import Level
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import PriceBand
from holdfast.core.scale import Scale
from local.tapes.files import bad_line, numbered_lines
from local.tapes.tape import BookSnapshot, LevelChanges, Tape, TapeEvent, TapeMarket

DESCRIPTION = 'CronosVirus00 Polymarket books (JSON lines {"recv_ts", "slug", "msg": {... "bids", "asks"}})'
CRYPTO_SHARD = 2
MAX_STEP_BACK_MS = 10_000
_MOST = 10**12  # contracts at one price: more is no size but damage
_SIZES_ALLOWED = f"a decimal number from 0 to {_MOST:,}"

_SLUG = re.compile(r"(?P<coin>[a-z]+)-updown-(?P<minutes>\d{1,3})m-(?P<start>\d{9,11})")

NOTES = (
    "Recorded order books: Polymarket BTC Orderbook Dataset (c) 2026 by CronosVirus00, CC BY 4.0, with sizes "
    "cut to the finest that this venue has.",
    "The recording holds one five-minute market at a time; here all of them start together.",
    "Which recorded token is Up is not known: the first one seen in a market is called YES. Blocks recorded from its "
    "mirror are folded onto it: a bid at p is an ask at 1 - p of the same size.",
    "A market settles by its last recorded book before the close, a missing ask counting as 1 and a missing bid as 0: "
    "YES wins where the middle is at least 0.50. In practice the last book is a bid of 0.99 alone, or an ask of 0.01.",
    "The recording has books without trades. A resting order fills when the other side reaches its price, or when the "
    "best level shrinks at its price after the queue that stood ahead of it; a level that shrinks behind a better one "
    "was cancelled and fills nobody. The one last_trade_price per market is not used.",
)


class _Level(msgspec.Struct, gc=False):
    price: str
    size: str


class _Message(msgspec.Struct, gc=False):
    asset_id: str
    timestamp: str
    bids: list[_Level]
    asks: list[_Level]


class _Line(msgspec.Struct, gc=False):
    slug: str
    msg: _Message


_decoder = msgspec.json.Decoder(_Line)


def recognizes(line: bytes) -> bool:
    """Whether a recording's first line is of this format."""
    try:
        found = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return isinstance(found, dict) and {"slug", "msg"} <= found.keys()


def read_tape(files: Sequence[Path], scale: Scale) -> Tape:
    """Read recordings, in order, into one tape. Raises InvalidInputError naming file and line."""
    prices, sizes = _Prices(scale), _Sizes(scale)
    markets: dict[str, _Market] = {}
    for file in files:
        for number, line in numbered_lines(file):
            try:
                found = _decoder.decode(line)
                market = markets.get(found.slug)
                if market is None:
                    market = markets[found.slug] = _Market(found.slug, scale)
                market.add(found.msg, prices, sizes)
            except (msgspec.MsgspecError, InvalidInputError) as error:
                raise bad_line(file, number, error, DESCRIPTION) from None
    step = gcd(scale.price("0.01"), *prices.values())
    events = [event for market in markets.values() for event in market.events]
    events.sort(key=lambda event: event.at_ms)
    return Tape(
        name=", ".join(file.name for file in files),
        markets=tuple(market.described(step) for market in markets.values()),
        events=events,
        duration_ms=max((market.duration_ms for market in markets.values()), default=0),
        notes=NOTES,
        prints_trades=False,
    )


class _Prices(dict[str, int]):
    """Price text to units; each text is parsed once."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale

    def __missing__(self, text: str) -> int:
        price = self._scale.price(text)
        if not 0 < price < self._scale.one:
            raise InvalidInputError("price", text, "more than 0 and less than 1")
        self[text] = price
        return price


class _Sizes(dict[str, int]):
    """Size text to units, rounded down: what is finer than the venue's sizes is not there. Each is parsed once."""

    def __init__(self, scale: Scale) -> None:
        self._decimals = scale.size_decimals

    def __missing__(self, text: str) -> int:
        try:
            size = int(Decimal(text).scaleb(self._decimals).to_integral_value(ROUND_FLOOR))
        except (ArithmeticError, ValueError):
            raise InvalidInputError("size", text, _SIZES_ALLOWED) from None
        if not 0 <= size <= _MOST * 10**self._decimals:
            raise InvalidInputError("size", text, _SIZES_ALLOWED)
        self[text] = size
        return size


class _Market:
    """One market while it is read: its book on the YES token, and its events so far."""

    def __init__(self, slug: str, scale: Scale) -> None:
        parts = _SLUG.fullmatch(slug)
        if parts is None:
            raise InvalidInputError("slug", slug, "<coin>-updown-<minutes>m-<start in UTC seconds>")
        self._start_ms = int(parts["start"]) * 1000
        self._scale = scale
        self._yes = self._no = ""
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._last_book = (self._bids, self._asks)
        self._latest_ms: int | None = None
        self.duration_ms = int(parts["minutes"]) * 60_000
        self.series = f"KX{parts['coin'].upper()}{parts['minutes']}M"
        started = datetime.fromtimestamp(int(parts["start"]), UTC)
        self.ticker = f"{self.series}-{started:%y%b%d%H%M}".upper()
        self.title = f"{parts['coin'].upper()} up or down, {parts['minutes']} minutes from {started:%Y-%m-%d %H:%M} UTC"
        self.events: list[TapeEvent] = []

    def add(self, message: _Message, prices: _Prices, sizes: _Sizes) -> None:
        """Take in the next message; what is after the close, or changes nothing, leaves no event."""
        bids = _book_side(message.bids, prices, sizes)
        asks = _book_side(message.asks, prices, sizes)
        if self._is_mirror(message.asset_id):
            one = self._scale.one
            bids, asks = {one - p: s for p, s in asks.items()}, {one - p: s for p, s in bids.items()}
        at_ms = self._time(message.timestamp)
        if at_ms >= self.duration_ms:
            return
        changed_bids, changed_asks = _changes(self._bids, bids), _changes(self._asks, asks)
        self._bids, self._asks = bids, asks
        if bids or asks:
            self._last_book = (bids, asks)
        if not self.events:
            self.events.append(BookSnapshot(at_ms, self.ticker, changed_bids, changed_asks))
        elif changed_bids or changed_asks:
            self.events.append(LevelChanges(at_ms, self.ticker, changed_bids, changed_asks))

    def described(self, step: int) -> TapeMarket:
        """The market, on a grid of `step`, with the result that its last book before the close shows."""
        return TapeMarket(
            ticker=self.ticker,
            series=self.series,
            title=self.title,
            opens_at_ms=0,
            closes_at_ms=self.duration_ms,
            result=self._result(),
            bands=(PriceBand(0, self._scale.one, step),),
            shard=CRYPTO_SHARD,
        )

    def _result(self) -> Literal["yes", "no"] | None:
        bids, asks = self._last_book
        if not bids and not asks:
            return None
        one = self._scale.one
        return "yes" if max(bids, default=0) + min(asks, default=one) >= one else "no"

    def _is_mirror(self, token: str) -> bool:
        if not self._yes:
            self._yes = token
        if token == self._yes:
            return False
        if not self._no:
            self._no = token
        if token != self._no:
            raise InvalidInputError("asset_id", token, f"one of this market's two tokens, {self._yes} and {self._no}")
        return True

    def _time(self, timestamp: str) -> int:
        """Tape time of a message, never before that of the last one; what is before the start is at it."""
        if not timestamp.isdecimal():
            raise InvalidInputError("timestamp", timestamp, "UTC milliseconds")
        at_ms = int(timestamp) - self._start_ms
        if self._latest_ms is not None and at_ms < self._latest_ms:
            if at_ms < self._latest_ms - MAX_STEP_BACK_MS:
                raise InvalidInputError("timestamp", timestamp, "in order of time (is a recording given twice?)")
            at_ms = self._latest_ms
        self._latest_ms = at_ms
        return max(at_ms, 0)


def _book_side(levels: list[_Level], prices: _Prices, sizes: _Sizes) -> dict[int, int]:
    return {prices[level.price]: size for level in levels if (size := sizes[level.size])}


def _changes(old: dict[int, int], new: dict[int, int]) -> tuple[Level, ...]:
    if old == new:
        return ()
    gone = [(price, 0) for price in old.keys() - new.keys()]
    return tuple(sorted([*(new.items() - old.items()), *gone]))

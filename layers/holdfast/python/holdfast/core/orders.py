"""Orders as core sees them: purposes, targets, open orders, fills and the identity of each write."""

import hashlib
from base64 import b32encode
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from holdfast.core.market import Side


class Purpose(StrEnum):
    """Why an order exists (design section 2). It is in the order's journal entry and its client order id."""

    QUOTE = "quote"
    ENTRY = "entry"
    TAKE_PROFIT = "take_profit"
    STOP = "stop"
    EXIT = "exit"
    MANUAL = "manual"


class TimeInForce(StrEnum):
    """How long an order may rest."""

    RESTING = "resting"
    IMMEDIATE = "immediate"
    ALL_OR_NOTHING = "all_or_nothing"


_LETTER = {
    Purpose.QUOTE: "q",
    Purpose.ENTRY: "e",
    Purpose.TAKE_PROFIT: "t",
    Purpose.STOP: "s",
    Purpose.EXIT: "x",
    Purpose.MANUAL: "m",
}
_PURPOSE = {letter: purpose for purpose, letter in _LETTER.items()}
_MARK = "hf"


def client_order_id(account: str, market: str, leg: str, attempt: str, purpose: Purpose) -> str:
    """The deterministic identity of one order: "hf-<account tag>-<purpose letter>-<hash>".

    The same arguments give the same id, so a write that is sent again is the same write. The tag keeps two
    Holdfast accounts that share a venue login apart. 33 characters of [a-z0-9-]: no venue refuses them
    (a "." has been refused, facts kalshi section 4.1).
    """
    digest = hashlib.sha256("\x1f".join((account, market, leg, attempt, purpose)).encode()).digest()
    body = b32encode(digest[:14]).decode().rstrip("=").lower()
    return f"{_MARK}-{account_tag(account)}-{_LETTER[purpose]}-{body}"


@lru_cache(256)
def account_tag(account: str) -> str:
    """Four characters that name the account inside client order ids."""
    return b32encode(hashlib.sha256(account.encode()).digest()[:3]).decode()[:4].lower()


def purpose_of(client_id: str, account: str) -> Purpose | None:
    """The purpose in one of this account's client order ids; None for an order that is not ours."""
    parts = client_id.split("-")
    if len(parts) != 4 or parts[0] != _MARK or parts[1] != account_tag(account):
        return None
    return _PURPOSE.get(parts[2])


# TargetOrder and OpenOrder come in thousands and hold nothing but scalars: the garbage collector may skip them.
class TargetOrder(Struct, frozen=True, gc=False):
    """What we want resting (or executed) at the venue.

    `leg` names the order's place in its market's decision ("bid-0", "flatten"). `priority` ranks markets when tokens
    are short: higher goes first. `expires_at_ms` 0 means never.
    """

    market: str
    side: Side
    price: int
    size: int
    purpose: Purpose
    leg: str
    post_only: bool = True
    expires_at_ms: int = 0
    time_in_force: TimeInForce = TimeInForce.RESTING
    reduce_only: bool = False
    priority: int = 0
    decision_id: str = ""


class OpenOrder(Struct, frozen=True, gc=False):
    """An order of this account that rests at the venue. `purpose` None: not ours."""

    order_id: str
    client_order_id: str
    market: str
    side: Side
    price: int
    remaining: int
    filled: int = 0
    purpose: Purpose | None = None
    expires_at_ms: int = 0
    created_at_ms: int = 0
    shard: int = 0


class Placement(Struct, frozen=True):
    """One order to send, with its identity.

    `order_id` and `body` are filled in by `Venue.prepare` where the order's hash is its id: the id that it will have,
    and the exact text that is sent, however often.
    """

    target: TargetOrder
    client_order_id: str
    shard: int = 0
    order_id: str = ""
    body: str = ""


class Cancellation(Struct, frozen=True):
    """One order to cancel. Market and shard travel with it: a cancel without them can miss the order's shard."""

    order_id: str
    market: str
    side: Side
    shard: int = 0
    client_order_id: str = ""


class Amendment(Struct, frozen=True):
    """Change price, total fillable size or expiry of one order. `size` counts what already filled."""

    order_id: str
    client_order_id: str
    market: str
    side: Side
    price: int
    size: int
    expires_at_ms: int
    shard: int = 0


class Reduction(Struct, frozen=True):
    """Reduce one order's remaining size to `remaining`, keeping its place in the queue."""

    order_id: str
    market: str
    side: Side
    remaining: int
    shard: int = 0
    client_order_id: str = ""


class Fill(Struct, frozen=True):
    """One execution as the venue reports it. `fee` and price x size are money units; `at_ms` the venue's time.

    `value`: what changed hands, money units, where no price unit says it exactly (an average over several prices).

    `final` False: the venue may still void it, so it is read again until it is final. `void`: it never happened after
    all; what was booked of it is reversed. `has_fee` False: nobody can say yet what it cost, `fee` means nothing and
    it is not final.
    """

    fill_id: str
    order_id: str
    market: str
    side: Side
    price: int
    size: int
    fee: int
    is_taker: bool
    at_ms: int
    final: bool = True
    void: bool = False
    has_fee: bool = True
    value: int | None = None

    @property
    def money(self) -> int:
        """What changed hands, money units."""
        return self.price * self.size if self.value is None else self.value


class Settlement(Struct, frozen=True):
    """A market that ended while we held it. `payout` is what the venue paid for the net position, money units.

    `size` is the signed net position at settlement, `fee` what the venue took.
    """

    market: str
    size: int
    payout: int
    fee: int
    result: str
    at_ms: int


def split_reducing(side: Side, size: int, position: int) -> tuple[int, int]:
    """Split an order into (reducing, opening) against a signed position on a netting venue (design section 3)."""
    held = position if side is Side.SELL else -position
    reducing = min(size, max(held, 0))
    return reducing, size - reducing

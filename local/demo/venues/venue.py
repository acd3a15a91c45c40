"""What the demo needs of a venue, whichever it is: start its local exchange, play the tape to it, look inside."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct

from holdfast.core.capabilities import Bucket
from holdfast.core.scale import Scale
from holdfast.state.accounts import Account
from local.demo.books import ExchangeBooks
from local.tapes.tape import TapeEvent


class Instrument(Struct, frozen=True):
    """One thing that the job trades. `market` is what job and venue call it, `label` what people read.

    `ticker` is its tape market's: on a venue that does not net, two instruments share one. `outcome` is which of them
    it is, empty where both are one signed position.
    """

    market: str
    label: str
    ticker: str
    outcome: str = ""


class SignedFill(Struct, frozen=True):
    """One fill of ours by the exchange's books: how it changed the signed position, size units."""

    order_id: str
    change: int


class Calls(Struct, frozen=True):
    """Requests that reached the exchange. `changes`: writes that change one order in place, for which no batch exists.

    `refused` of all of them were answered 429.
    """

    total: int
    changes: int
    reads: int
    refused: int


class Misses(Struct, frozen=True):
    """Writes that named an order which did not rest: cancels by cause, in words, and how many others."""

    cancels: Counter[str]
    others: int


class DemoVenue(Protocol):
    """One local exchange with its share of the tape's markets and our funded account.

    Prices, sizes and money are units of `scale`; `one` is the price of 1 where two outcomes are netted, else None.
    `noun` is what is traded, `instrument_noun` what an instrument is; `not_found` is how the wire words a cancel that
    finds nothing. `own_faults`: what --faults breaks beside requests, in words.
    """

    name: str
    title: str
    scale: Scale
    one: int | None
    noun: str
    instrument_noun: str
    not_found: str
    own_faults: str
    instruments: tuple[Instrument, ...]
    write_bucket: Bucket

    def serve(self) -> AbstractContextManager[str]:
        """Serve the exchange over HTTP on a free loopback port; gives its base URL."""
        ...

    def record(self, account_id: str, secret_name: str, base_url: str) -> Account:
        """The account's record."""
        ...

    def secret(self) -> dict[str, str]:
        """The account's keys, made for this run."""
        ...

    def add_faults(self) -> None:
        """Lose answers and fail requests now and then, from now on."""
        ...

    def apply(self, event: TapeEvent) -> None:
        """Let an event of the tape happen."""
        ...

    def settle(self, ticker: str) -> None:
        """End a market with the tape's result."""
        ...

    def best(self, market: str) -> tuple[int | None, int | None]:
        """An instrument's public best bid and ask, our own quotes included."""
        ...

    def ending(self, market: str) -> str:
        """Why an instrument does not trade now, in words; empty while it does."""
        ...

    def result(self, market: str) -> str:
        """How the market ended, in a word; empty before it has."""
        ...

    def worth(self, market: str, size: int) -> int | None:
        """What the market's result paid for a signed size, money units; None before it."""
        ...

    def books(self) -> ExchangeBooks:
        """The exchange's own books of our account."""
        ...

    def fills(self, market: str) -> Sequence[SignedFill]:
        """Our fills in one market that stand, in the order in which the exchange matched them."""
        ...

    def executed_size(self, order_id: str) -> int:
        """What the exchange executed of an order that ended so; 0 for others."""
        ...

    def calls(self) -> Calls:
        """What reached the exchange so far."""
        ...

    def misses(self) -> Misses:
        """What named an order that was over, so far."""
        ...

    def introduction(self) -> str:
        """One line that says what this exchange is."""
        ...

    def notes(self) -> tuple[str, ...]:
        """Sentences for whoever reads the results."""
        ...

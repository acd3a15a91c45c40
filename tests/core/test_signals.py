"""Signals and requests: what a message may say, and which request it makes."""

import json

import msgspec
import pytest

from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.requests import EntryRequest, ExitRequest, Origin, Request, instrument, instrument_text
from holdfast.core.signals import Signal, decode, request_of

NOW = 1_800_000_000_000
BUY, SELL = Side.BUY, Side.SELL
GOOD = {"id": "s-1", "account": "main", "instrument": "KXFED-26:NO", "action": "enter", "ttl": 120}


def message(**changes):
    return json.dumps({**GOOD, **changes})


def test_a_signal_makes_the_same_request_whenever_it_is_delivered():
    first = request_of(decode(message()), NOW, NOW + 1_000)
    assert first == EntryRequest(
        request_id="signal-s-1",
        account="main",
        market="KXFED-26",
        side=SELL,
        origin=Origin.SIGNAL,
        requested_at_ms=NOW,
        expires_at_ms=NOW + 120_000,
    )
    assert request_of(decode(message().encode()), NOW, NOW + 600_000) == first


def test_an_exit_signal_asks_for_an_exit_of_its_outcome():
    asked = request_of(decode(message(action="exit", instrument="KXFED-26")), NOW, NOW)
    assert isinstance(asked, ExitRequest)
    assert (asked.market, asked.side, asked.expires_at_ms) == ("KXFED-26", BUY, NOW + 120_000)


def test_a_signal_from_a_clock_ahead_lasts_no_longer_than_its_ttl():
    assert request_of(decode(message()), NOW + 90_000, NOW).expires_at_ms == NOW + 120_000


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "signal"),
        ("{", "signal"),
        ("[]", "signal"),
        (b"\xff\xfe", "signal"),
        (message(size="10"), "size"),
        (json.dumps({name: value for name, value in GOOD.items() if name != "ttl"}), "ttl"),
        (message(action="buy"), "buy"),
        (message(action="Enter"), "Enter"),
        (message(ttl="120"), "ttl"),
        (message(ttl=1.5), "ttl"),
        (message(ttl=0), "1 to 3600"),
        (message(ttl=3_601), "1 to 3600"),
        (message(id=""), "id of a signal"),
        (message(id="a b"), "id of a signal"),
        (message(id="x" * 81), "id of a signal"),
        (message(id=7), "id"),
        (message(account=""), "account"),
        (message(instrument=""), "instrument"),
        (message(instrument="KXFED:YES"), "MARKET:NO"),
        (message(instrument="KXFED:no"), "MARKET:NO"),
        (message(instrument=":NO"), "instrument"),
        (message(instrument="a market"), "instrument"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(body, said):
    with pytest.raises(InvalidInputError, match=said) as refused:
        decode(body)
    assert len(str(refused.value)) < 600
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "market", "side"),
    [
        ("KXFED", "KXFED", BUY),
        ("KXFED:NO", "KXFED", SELL),
        ("7132:104", "7132:104", BUY),
        ("7132:NO:NO", "7132:NO", SELL),
        ("CASINO", "CASINO", BUY),
    ],
)
def test_an_instrument_is_a_market_and_a_side_and_back(text, market, side):
    assert instrument(text) == (market, side)
    assert instrument_text(market, side) == text


def test_the_longest_ids_make_requests():
    longest = Signal("x" * 80, "a", "M", "enter", 3_600)
    assert request_of(longest, NOW, NOW).request_id.endswith("x" * 80)


def test_requests_come_back_from_text_as_what_they_were():
    entry = request_of(decode(message()), NOW, NOW)
    leaving = request_of(decode(message(action="exit")), NOW, NOW)
    for asked in (entry, leaving):
        assert msgspec.json.decode(msgspec.json.encode(asked), type=Request) == asked


@pytest.mark.parametrize(
    "changes", [{"request_id": ""}, {"request_id": "#1"}, {"market": "a#b"}, {"size": "1", "amount": "2"}]
)
def test_a_request_that_cannot_be_stored_or_understood_is_refused(changes):
    fields = {"request_id": "r", "account": "a", "market": "M", "side": BUY, "origin": Origin.COMMAND}
    with pytest.raises(InvalidInputError):
        EntryRequest(**{**fields, "requested_at_ms": NOW, "expires_at_ms": NOW, **changes})

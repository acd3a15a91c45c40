"""Recorded tapes: what the reader makes of recordings, of bad input, and of the real data where it is present."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import pytest

from holdfast.core.book import BookState, OrderBook
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import PriceBand, Side
from holdfast.core.matching import MatchingEngine
from holdfast.core.scale import Scale
from local.tapes.registry import load_tape
from local.tapes.tape import BookSnapshot, LevelChanges, Tape, TradePrint, play
from tests.shared import shared_path

SCALE = Scale(price_decimals=4, size_decimals=2)
START = 1_776_326_700
UP, DOWN = "111", "222"


def line(at_ms: int, bids, asks, *, token: str = UP, start: int = START, **changes) -> str:
    """One recorded message; levels worst first, as the venue has them."""
    message = {
        "market": "0xabc",
        "asset_id": token,
        "timestamp": str(start * 1000 + at_ms),
        "bids": [{"price": p, "size": s} for p, s in bids],
        "asks": [{"price": p, "size": s} for p, s in asks],
        "event_type": "book",
        **changes,
    }
    return json.dumps({"recv_ts": start + at_ms / 1000, "slug": f"btc-updown-5m-{start}", "msg": message})


def recording(tmp_path: Path, *lines: str, name: str = "a.jsonl") -> Path:
    path = tmp_path / name
    text = "".join(f"{each}\n" for each in lines).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def load(path: Path) -> Tape:
    return load_tape(path, 0, SCALE)


class TestReading:
    def test_the_first_event_is_the_book_and_then_only_what_changed(self, tmp_path):
        tape = load(
            recording(
                tmp_path,
                line(5000, [("0.4", "7"), ("0.48", "100.5")], [("0.5", "3"), ("0.49", "20")]),
                line(5030, [("0.4", "7"), ("0.48", "90")], [("0.5", "3")]),
                line(5060, [("0.4", "7"), ("0.48", "90")], [("0.5", "3")]),
                name="a.jsonl.gz",
            )
        )
        ticker = "KXBTC5M-26APR160805"
        assert list(tape.events) == [
            BookSnapshot(5000, ticker, ((4000, 700), (4800, 10050)), ((4900, 2000), (5000, 300))),
            LevelChanges(5030, ticker, ((4800, 9000),), ((4900, 0),)),
        ]
        assert (tape.markets[0].ticker, tape.markets[0].series) == (ticker, "KXBTC5M")
        assert tape.duration_ms == tape.markets[0].closes_at_ms == 300_000

    def test_sizes_are_cut_to_what_the_scale_can_hold_and_never_rounded_up(self, tmp_path):
        tape = load(recording(tmp_path, line(0, [("0.48", "1.239999"), ("0.47", "0.009999")], [])))
        assert tape.events[0].bids == ((4800, 123),)

    def test_a_mirrored_message_is_the_same_book(self, tmp_path):
        tape = load(
            recording(
                tmp_path,
                line(0, [("0.47", "5"), ("0.48", "10")], [("0.5", "30"), ("0.49", "20")]),
                line(10, [("0.5", "30"), ("0.51", "20")], [("0.53", "5"), ("0.52", "10")], token=DOWN),
                line(20, [("0.5", "30"), ("0.51", "21")], [("0.53", "5"), ("0.52", "10")], token=DOWN),
            )
        )
        assert list(tape.events)[1:] == [LevelChanges(20, tape.markets[0].ticker, (), ((4900, 2100),))]

    def test_markets_one_after_another_start_together(self, tmp_path):
        tape = load(
            recording(
                tmp_path,
                line(100, [("0.4", "1")], []),
                line(200, [("0.4", "2")], []),
                line(150, [("0.6", "1")], [], start=START + 300),
            )
        )
        assert [(event.at_ms, event.ticker) for event in tape.events] == [
            (100, "KXBTC5M-26APR160805"),
            (150, "KXBTC5M-26APR160810"),
            (200, "KXBTC5M-26APR160805"),
        ]

    def test_nothing_happens_from_the_close_on(self, tmp_path):
        tape = load(recording(tmp_path, line(299_999, [("0.99", "1")], []), line(300_000, [], [("0.01", "1")])))
        assert [event.at_ms for event in tape.events] == [299_999]
        assert tape.markets[0].result == "yes"

    @pytest.mark.parametrize(
        ("bids", "asks", "result"),
        [
            ([("0.99", "1")], [], "yes"),
            ([], [("0.01", "1")], "no"),
            ([("0.49", "1")], [("0.51", "1")], "yes"),
            ([("0.48", "1")], [("0.51", "1")], "no"),
        ],
    )
    def test_the_last_book_that_shows_anything_settles(self, tmp_path, bids, asks, result):
        lines = [line(0, [("0.3", "1")], [("0.7", "1")]), line(10, bids, asks), line(20, [], [])]
        assert load(recording(tmp_path, *lines)).markets[0].result == result

    def test_a_market_without_any_book_has_no_result(self, tmp_path):
        assert load(recording(tmp_path, line(0, [], []))).markets[0].result is None

    def test_a_message_that_steps_back_a_little_keeps_its_place(self, tmp_path):
        lines = [line(100, [("0.3", "1")], []), line(90, [("0.3", "2")], []), line(110, [("0.3", "3")], [])]
        tape = load(recording(tmp_path, *lines))
        assert [(event.at_ms, event.bids) for event in tape.events] == [
            (100, ((3000, 100),)),
            (100, ((3000, 200),)),
            (110, ((3000, 300),)),
        ]

    def test_what_was_recorded_before_the_start_is_the_book_at_the_start(self, tmp_path):
        lines = [line(at, [("0.3", str(at + 99_999))], []) for at in (-60_000, -20_000, 5)]
        tape = load(recording(tmp_path, *lines))
        assert [event.at_ms for event in tape.events] == [0, 0, 5]

    def test_the_grid_is_as_fine_as_the_prices_seen(self, tmp_path):
        assert load(recording(tmp_path, line(0, [("0.4", "1")], []))).markets[0].bands == (PriceBand(0, 10_000, 100),)
        fine = recording(tmp_path, line(0, [("0.4", "1"), ("0.985", "1")], []))
        assert load(fine).markets[0].bands == (PriceBand(0, 10_000, 50),)

    def test_playing_it_gives_an_engine_the_recorded_book(self, tmp_path):
        lines = [line(0, [("0.3", "1")], [("0.7", "1")]), line(10, [("0.4", "2")], [("0.7", "3")])]
        tape = load(recording(tmp_path, *lines))
        engine = MatchingEngine("M", prints_trades=tape.prints_trades)
        for event in tape.events:
            play(event, engine, 1_000 + event.at_ms)
        assert (engine.ladder(Side.BUY), engine.ladder(Side.SELL)) == ([(4000, 200)], [(7000, 300)])


class TestBadInput:
    def refused(self, path: Path) -> str:
        with pytest.raises(InvalidInputError) as refused:
            load(path)
        assert "\n" not in str(refused.value)
        return str(refused.value)

    def test_a_missing_path(self, tmp_path):
        assert str(tmp_path / "none") in self.refused(tmp_path / "none")

    def test_a_folder_without_recordings(self, tmp_path):
        (tmp_path / "README.md").write_text("nothing")
        assert "*.jsonl.gz" in self.refused(tmp_path)

    def test_an_empty_file(self, tmp_path):
        assert "empty" in self.refused(recording(tmp_path))

    @pytest.mark.parametrize("first", ["ts,slug,bid,ask", '{"type": "l2_data"}', "[1]", "\x00\x01"])
    def test_an_unknown_format_lists_the_known_ones(self, tmp_path, first):
        message = self.refused(recording(tmp_path, first))
        assert "known formats" in message
        assert "CronosVirus00" in message

    @pytest.mark.parametrize(
        "bad",
        [
            '{"slug": "btc-updown-5m-17',
            '{"slug": "btc-updown-5m-1776326700"}',
            line(20, [("0.4", 5)], []),
            line(20, [("1.00", "5")], []),
            line(20, [("0.00001", "5")], []),
            line(20, [("0.4", "-5")], []),
            line(20, [("0.4", "NaN")], []),
            line(20, [("0.4", "1e13")], []),
            line(20, [("0.4", "1e999999")], []),
            line(20, [("0.4", "5")], [], timestamp="yesterday"),
            line(20, [("0.4", "5")], [], token="333"),
            line(20, [("0.4", "5")], []).replace("updown-5m", "updown"),
        ],
    )
    def test_a_malformed_line_is_named(self, tmp_path, bad):
        good = [line(0, [("0.4", "5")], []), line(10, [("0.6", "5")], [], token=DOWN)]
        path = recording(tmp_path, *good, bad)
        assert f"{path}, line 3" in self.refused(path)

    @pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"no gzip" + data])
    def test_a_damaged_gzip(self, tmp_path, damage):
        path = recording(tmp_path, *[line(i, [("0.4", str(i))], []) for i in range(500)], name="a.jsonl.gz")
        path.write_bytes(damage(path.read_bytes()))
        assert f"{path}, line " in self.refused(path)

    def test_the_same_recording_twice(self, tmp_path):
        lines = [line(0, [("0.4", "5")], []), line(60_000, [("0.5", "5")], [])]
        recording(tmp_path, *lines)
        copy = recording(tmp_path, *lines, name="b.jsonl.gz")
        assert f"{copy}, line 1" in self.refused(tmp_path)


RECORDINGS = "data/polymarket/cronos_btc5m"
MIRRORED_MARKET = "KXBTC5M-26APR160805"


@pytest.fixture(scope="module")
def hour() -> Tape:
    """The hour with the mirrored blocks."""
    return load(shared_path(f"{RECORDINGS}/btc5m_2026-04-16_0710-0810.jsonl.gz"))


class TestRecordedHour:
    def test_twelve_markets_at_once_each_with_a_result(self, hour):
        assert len({market.ticker for market in hour.markets}) == 12
        assert {market.result for market in hour.markets} == {"yes", "no"}
        first = {event.ticker: event.at_ms for event in reversed(hour.events)}
        assert max(first.values()) < 15_000
        assert all(a.at_ms <= b.at_ms for a, b in pairwise(hour.events))

    def test_no_book_is_crossed_and_each_ends_where_it_settles(self, hour):
        books = {market.ticker: OrderBook(market.ticker) for market in hour.markets}
        for event in hour.events:
            book = books[event.ticker]
            for side, levels in ((Side.BUY, event.bids), (Side.SELL, event.asks)):
                for price, size in levels:
                    book.set_level(side, price, size, event.at_ms)
            assert book.state(event.at_ms, 0) in (BookState.OK, BookState.ONE_SIDED), event
        for market in hour.markets:
            book = books[market.ticker]
            bid, ask = book.best_bid or 0, book.best_ask or SCALE.one
            assert bid >= 9700 if market.result == "yes" else ask <= 300

    def test_the_middle_goes_on_where_a_mirrored_block_begins_and_ends(self, hour):
        """Market 12 has 1,200 messages of one token, 3,000 of its mirror, 287 of the first again."""
        engine = MatchingEngine("M")
        middles = []
        for event in (event for event in hour.events if event.ticker == MIRRORED_MARKET):
            play(event, engine, event.at_ms)
            if engine.best_bid is not None and engine.best_ask is not None:
                middles.append((engine.best_bid + engine.best_ask) / 2)
        steps = [abs(b - a) for a, b in pairwise(middles)]
        assert len(steps) > 4000
        assert max(steps) < 1000, "a fold the wrong way round would jump to the mirror's price"


def test_both_hours_are_twenty_four_markets(hour):
    tape = load(shared_path(RECORDINGS))
    assert len({market.ticker for market in tape.markets}) == 24
    assert {market.ticker for market in hour.markets} < {market.ticker for market in tape.markets}
    assert all(not isinstance(event, TradePrint) for event in tape.events)

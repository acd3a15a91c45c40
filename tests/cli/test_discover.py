"""`holdfast markets discover` at both local exchanges, over HTTP, with keys from the secrets' stand-in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from secrets import token_hex

import pytest

from holdfast.clock import SystemClock
from holdfast.core.limits import BucketState
from holdfast.core.market import Side
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.rates import Rates
from holdfast.state.tables import TableNames
from holdfast.venues.polymarket.signer import LocalSigner
from local.aws.stand_in import LocalAws
from local.venues.faults import Fault, FaultKind
from local.venues.kalshi import KalshiExchange, KalshiServer
from local.venues.kalshi.markets import MarketSpec as KalshiSpec
from local.venues.polymarket import MarketSpec, PolymarketExchange, PolymarketServer
from tests.cli.conftest import Holdfast
from tests.local.kalshi_member import ed25519_key, private_pem, public_pem

DISCOVER = "markets discover --account a"
HOUR_MS = 3_600_000


@contextmanager
def kalshi(clock: SystemClock) -> Iterator[tuple[KalshiExchange, str, dict[str, str]]]:
    key = ed25519_key("us")
    exchange = KalshiExchange(clock)
    exchange.add_user("us", "key-of-us", public_pem(key), balances={0: Decimal(100)})
    soon_ms = clock.now_ms() + HOUR_MS
    exchange.add_market(KalshiSpec("KXRAIN-1", title="Will it rain in Galway?", outcome="Rain", close_at_ms=soon_ms))
    exchange.add_market(KalshiSpec("KXVOTE-1", title="Who wins?", close_at_ms=soon_ms + 48 * HOUR_MS))
    exchange.apply_snapshot("KXRAIN-1", [(4_000, 500)], [(4_250, 500)])
    exchange.apply_snapshot("KXVOTE-1", [(8_000, 500)], [(8_800, 500)])
    exchange.apply_trade("KXRAIN-1", 4_250, 100, Side.BUY)
    with KalshiServer(exchange) as server:
        yield exchange, server.url, {"key_id": "key-of-us", "private_key": private_pem(key)}


@contextmanager
def polymarket(clock: SystemClock) -> Iterator[tuple[PolymarketExchange, str, dict[str, str]]]:
    private_key = "0x" + token_hex(32)
    exchange = PolymarketExchange(clock)
    exchange.add_user("us", LocalSigner(private_key).address)
    given = exchange.add_api_key("us")
    soon_ms = clock.now_ms() + HOUR_MS
    exchange.add_market(MarketSpec("rain", question="Will it rain in Galway?", event="weather", close_at_ms=soon_ms))
    exchange.add_market(MarketSpec("vote", question="Who wins?", version="v2", close_at_ms=soon_ms + 48 * HOUR_MS))
    exchange.apply_snapshot("rain", [(4_000, 5 * 10**6)], [(4_250, 5 * 10**6)])
    exchange.apply_snapshot("vote", [(8_000, 5 * 10**6)], [(8_800, 5 * 10**6)])
    exchange.apply_trade("rain", 4_250, 10**6, Side.BUY)
    secret = {"private_key": private_key, "api_key": given.api_key, "api_secret": given.secret}
    with PolymarketServer(exchange) as server:
        yield exchange, server.clob_url, {**secret, "api_passphrase": given.passphrase}


VENUES = {"kalshi": kalshi, "polymarket": polymarket}


@pytest.fixture(params=VENUES)
def venue(request, holdfast: Holdfast, local_aws: LocalAws, stage: str):
    """The exchange that account "a" is at."""
    with VENUES[request.param](SystemClock()) as (exchange, url, secret):
        local_aws.clients().secrets.create_secret(Name=f"{stage}/a", SecretString=json.dumps(secret))
        added = f"accounts add a --venue {request.param} --environment local --secret {stage}/a --base-url {url}"
        assert holdfast(added).code == 0
        yield exchange


def ids(out: str) -> set[str]:
    """The last word of each line below the head: ids can be copied from there."""
    return {line.split()[-1] for line in out.splitlines()[1:]}


def expected(exchange: KalshiExchange | PolymarketExchange, kalshi_id: str, slug: str) -> set[str]:
    return {kalshi_id} if isinstance(exchange, KalshiExchange) else set(exchange.market(slug).tokens)


def test_every_filter_chooses_and_every_id_is_whole(venue, holdfast: Holdfast) -> None:
    rain, vote = expected(venue, "KXRAIN-1", "rain"), expected(venue, "KXVOTE-1", "vote")
    every = holdfast(DISCOVER)
    assert (every.code, every.err) == (0, "")
    assert ids(every.out) == rain | vote
    assert ids(holdfast(f"{DISCOVER} --text galway").out) == rain
    assert ids(holdfast(f"{DISCOVER} --closes-within 90m").out) == rain
    assert ids(holdfast(f"{DISCOVER} --closes-within 3d").out) == rain | vote
    assert ids(holdfast(f"{DISCOVER} --max-spread 0.03").out) == rain
    assert ids(holdfast(f"{DISCOVER} --min-volume 0.1").out) == rain
    [priced] = ids(holdfast(f"{DISCOVER} --min-price 0.42 --max-price 0.43").out)
    assert priced in rain
    assert holdfast(f"{DISCOVER} --text nobody").out == "no market matches\n"
    assert holdfast(f"{DISCOVER} --status settled").out == "no market matches\n"
    assert ids(holdfast(f"{DISCOVER} --status any --event NONE --text rain").out) == set()


def test_a_line_says_what_the_market_is(venue, holdfast: Holdfast) -> None:
    lines = holdfast(f"{DISCOVER} --text galway --limit 1").out.splitlines()
    assert len(lines) == 3
    assert [*lines[0].split()[:6]] == ["status", "closes", "(UTC)", "bid", "ask", "spread"]
    for word in ("open", "0.40", "0.425", "0.025", "Will it rain in Galway?"):
        assert word in lines[1], word
    assert lines[2] == "the first 1; --limit shows more"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--closes-within soon", "--closes-within"),
        ("--closes-within 0h", "--closes-within"),
        ("--status sleeping", "--status"),
        ("--min-price cheap", "--min-price"),
        ("--max-spread 0.00001", "--max-spread"),
        ("--min-price 0.5 --max-price 0.4", "min_price"),
        ("--limit 0", "limit"),
    ],
)
def test_input_that_cannot_be_used_is_one_line(venue, holdfast: Holdfast, words: str, said: str) -> None:
    refused = holdfast(f"{DISCOVER} {words}")
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.error_line


def test_a_filter_that_the_venue_lacks_is_said(venue, holdfast: Holdfast) -> None:
    lacks = "tag" if isinstance(venue, KalshiExchange) else "series"
    refused = holdfast(f"{DISCOVER} --{lacks} weather")
    assert refused.code == 2
    assert lacks in refused.error_line


def test_a_venue_that_fails_is_an_error_and_not_an_empty_list(venue, holdfast: Holdfast) -> None:
    for kind in (FaultKind.ERROR_BEFORE, FaultKind.TIMEOUT_BEFORE, FaultKind.RATE_LIMITED):
        venue.faults.add(Fault(kind, "GET */markets*" if hasattr(venue, "operator") else "GET /markets"))
        failed = holdfast(DISCOVER)
        assert (failed.code, failed.out) == (1, "")
        assert "/markets" in failed.error_line
        venue.faults.clear()


def test_a_back_off_that_the_account_is_in_is_waited_for_by_nobody(
    venue, holdfast: Holdfast, local_aws: LocalAws, stage: str
) -> None:
    clock = SystemClock()
    until_ms = clock.now_ms() + 600_000
    store = DynamoStore(local_aws.clients().dynamodb, TableNames(stage), clock)
    Rates(store, "a").write("read", BucketState(0, clock.now_ms(), until_ms, 1, clock.now_ms()), 0)
    failed = holdfast(DISCOVER)
    assert (failed.code, failed.out) == (1, "")
    assert "again in" in failed.error_line
    assert not [endpoint for endpoint in venue.calls if "/markets" in endpoint]


def test_a_refusal_by_the_venue_is_kept_for_everybody(
    venue, holdfast: Holdfast, local_aws: LocalAws, stage: str
) -> None:
    venue.faults.add(Fault(FaultKind.RATE_LIMITED, "GET */markets*" if hasattr(venue, "operator") else "GET /markets"))
    assert holdfast(DISCOVER).code == 1
    stored = Rates(DynamoStore(local_aws.clients().dynamodb, TableNames(stage), SystemClock()), "a").read("read")
    assert stored is not None
    assert stored.state.refusals == 1


def test_an_account_without_its_secret_is_one_line(holdfast: Holdfast, account: str) -> None:
    failed = holdfast(f"markets discover --account {account}")
    assert failed.code == 1
    assert "holdfast/kalshi-1" in failed.error_line

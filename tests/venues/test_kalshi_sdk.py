"""Kalshi's official SDK, strict models and all, trades on the local exchange over real HTTP.

It needs Python 3.13, which this project does not: the test finds one, keeps the SDK in a virtual environment in the
user's cache, and skips with the reason where either is not to be had.
"""

import json
import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.clock import SystemClock
from local.venues.kalshi import KalshiExchange, KalshiServer, MarketSpec
from tests.local.kalshi_member import ed25519_key, private_pem, public_pem, rsa_key

SDK = "kalshi_python_sync==3.34.0"
CLIENT = Path(__file__).with_name("kalshi_sdk_client.py")
FED, BTC = "KXFED-26DEC", "KXBTC-1"


def _runs(python):
    check = [str(python), "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 13))"]
    return subprocess.run(check, capture_output=True, check=False).returncode == 0  # noqa: S603


def _python_3_13():
    on_path = shutil.which("python3.13")
    installed = sorted((Path.home() / ".pyenv" / "versions").glob("3.13*/bin/python"), reverse=True)
    for python in ([Path(on_path)] if on_path else []) + installed:
        if _runs(python):
            return python
    pytest.skip("no Python 3.13, which the official SDK needs")
    return None


@pytest.fixture(scope="module")
def sdk_python(tmp_path_factory):
    python = _python_3_13()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "holdfast" / SDK.replace("==", "-")
    ready, found = home / ".ready", home / "bin" / "python"
    if ready.exists() and _runs(found):
        return found
    building = tmp_path_factory.mktemp("sdk") / "venv"
    for command in (
        [python, "-m", "venv", building],
        [building / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", SDK],
    ):
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=240, check=False)  # noqa: S603
        if done.returncode:
            pytest.skip(f"the official SDK could not be installed: {done.stderr.strip()[-300:]}")
    return _keep(building, home)


def _keep(building, home):
    """Move a finished environment to the cache where that is possible; two test runs may try at once."""
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(building, home)
    except OSError:
        return building / "bin" / "python"
    (home / ".ready").touch()
    return home / "bin" / "python"


@pytest.fixture(scope="module", params=[ed25519_key, rsa_key], ids=["ed25519", "rsa"])
def told(request, sdk_python):
    """What the SDK reported, and the exchange's own books afterwards."""
    key = request.param()
    exchange = KalshiExchange(SystemClock(), seed=5)
    exchange.set_batch_order_kept(True)
    exchange.add_market(MarketSpec(FED, event="KXFED-26", series="KXFED"))
    exchange.add_market(MarketSpec(BTC, series="KXBTC", shard=2))
    funds = {0: Decimal(100), 2: Decimal(50)}
    exchange.add_user("sdk", "sdk-key", public_pem(key), tier="advanced", balances=funds)
    exchange.apply_snapshot(FED, [(4000, 10_000)], [(4200, 10_000)])
    with KalshiServer(exchange) as server:
        given = {"host": server.url, "key_id": "sdk-key", "private_key": private_pem(key)}
        given |= {"ticker": FED, "sharded": BTC, "series": "KXFED"}
        done = subprocess.run(  # noqa: S603
            [str(sdk_python), str(CLIENT)],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout), exchange.books("sdk"), exchange


def test_the_sdk_places_and_lists(told):
    found, books, _ = told
    assert found["sdk"] == "3.34.0"
    assert (found["taken"]["fill_count"], found["taken"]["remaining_count"]) == ("5.00", "0.00")
    assert [item.get("client_order_id") for item in found["batch"]["orders"]] == ["sdk-b1", "sdk-b2", "sdk-b3"]
    assert found["batch"]["orders"][1]["error"]["details"] == "post only cross"
    assert found["listed"] == ["sdk-b3", "sdk-b1", "sdk-rest"]
    assert found["one"]["client_order_id"] == "sdk-rest"
    assert set(books.client_order_ids) == {"sdk-rest", "sdk-take", "sdk-b1", "sdk-b3"}


def test_the_sdk_amends_decreases_and_cancels(told):
    found, books, exchange = told
    assert found["amended"]["remaining_count"] == "8.00"
    assert found["decreased"]["remaining_count"] == "5.00"
    assert found["canceled"]["reduced_by"] == "5.00"
    items = found["batch_canceled"]["orders"]
    assert [item["reduced_by"] for item in items] == ["1.00", "1.00", "0.00"]
    assert items[2]["error"]["code"] == "not_found"
    assert found["left"] == []
    assert books.open_orders == ()
    assert [miss.cause.value for miss in exchange.misses] == ["already_canceled", "wrong_shard"]


def test_the_sdk_sees_the_errors(told):
    assert told[0]["errors"] == {
        "duplicate": [409, "order_already_exists"],
        "unrouted": [404, "not_found"],
        "off_grid": [400, "invalid_price"],
    }


def test_the_sdk_reads_the_money_that_the_exchange_has(told):
    found, books, _ = told
    assert Decimal(found["balance"]["balance_dollars"]) == Decimal(books.total_cash).scaleb(-6)
    (position,) = found["positions"]["market_positions"]
    assert (position["position_fp"], position["ticker"]) == ("5.00", FED)
    assert sum(Decimal(fill["fee_cost"]) for fill in found["fills"]) == Decimal(books.total_fees).scaleb(-6)
    assert books.imbalances() == []


def test_the_sdk_reads_limits_and_markets(told):
    found, _, _ = told
    assert found["limits"]["write"] == {"refill_rate": 300, "bucket_capacity": 900}
    assert found["costs"]["default_cost"] == 10
    assert found["market"]["price_ranges"] == [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]
    assert found["markets"] == [BTC, FED]
    assert found["books"] == [FED, BTC]
    assert found["series"]["fee_type"] == "quadratic"
    assert found["status"]["trading_active"] is True

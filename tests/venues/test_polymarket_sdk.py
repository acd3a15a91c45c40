"""Clients that others wrote trade on the local Polymarket exchange over real HTTP, with wallets of types 0 and 3.

Each lives in a virtual environment of its own in the user's cache; a test skips with the reason where it can't be had.
"""

import json
import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.clock import SystemClock
from local.venues.polymarket import MarketSpec, PolymarketExchange, PolymarketServer
from tests.local.polymarket_trader import address_of, key_of

OFFICIAL, CLOB = "polymarket-client==0.14.0", "py-clob-client-v2==1.2.1"
HERE = Path(__file__).parent
FED, SENATE, BTC = "fed-cut", "senate", "btc-up"
KEY = key_of("sdk")


def environment(package, building):
    """The package's Python, made once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "holdfast" / package.replace("==", "-")
    if (home / ".ready").exists():
        return home / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", building],
        [building / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", package],
    ):
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=240, check=False)  # noqa: S603
        if done.returncode:
            pytest.skip(f"{package} could not be installed: {done.stderr.strip()[-300:]}")
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(building, home)
    except OSError:
        return building / "bin" / "python"
    (home / ".ready").touch()
    return home / "bin" / "python"


def run(python, script, given):
    done = subprocess.run(  # noqa: S603
        [str(python), str(HERE / script)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    return environment(OFFICIAL, tmp_path_factory.mktemp("sdk") / "venv")


@pytest.fixture(scope="module")
def clob(tmp_path_factory):
    return environment(CLOB, tmp_path_factory.mktemp("clob") / "venv")


def exchange(wallet, signature_type):
    """A market of each exchange contract, and a user with $100 who has no API key yet."""
    found = PolymarketExchange(SystemClock(), seed=5)
    for spec in (MarketSpec(FED), MarketSpec(SENATE, neg_risk=True, tick=10), MarketSpec(BTC, version="v2", tick=1)):
        found.add_market(spec)
    found.operator.set_settlement(mined_after_ms=0, confirmed_after_ms=0)
    found.add_user("sdk", address_of(KEY), wallet=wallet, signature_type=signature_type, dollars=Decimal(100))
    found.apply_snapshot(FED, [(4000, 100_000_000)], [(4200, 20_000_000), (4300, 500_000_000)])
    return found


def tokens(found):
    return [found.market(name).tokens[0] for name in (FED, SENATE, BTC)]


@pytest.fixture(scope="module", params=[0, 3], ids=["eoa", "deposit_wallet"])
def told(request, official):
    """What the official SDK reported, and the exchange's own books afterwards."""
    secret = "0x" + KEY.secret.hex()
    wallet = address_of(KEY)
    if request.param == 3:
        wallet = run(official, "polymarket_sdk_client.py", {"key": secret, "wallet": None})["wallet"]
    found = exchange(wallet, request.param)
    with PolymarketServer(found) as server:
        urls = {"clob": server.clob_url, "gamma": server.gamma_url}
        urls |= {"data": server.data_url, "relayer": server.relayer_url}
        given = {"urls": urls, "key": secret, "wallet": wallet, "tokens": tokens(found)}
        given["condition"] = found.market(FED).condition_id
        return run(official, "polymarket_sdk_client.py", given), found.books("sdk"), found


def test_the_sdk_places_on_every_exchange_contract(told):
    found, books, _ = told
    assert found["resting"]["status"] == "live"
    assert all(order["ok"] and order["status"] == "live" for order in found["others"])
    assert [item["ok"] for item in found["batch"]] == [True, False]
    assert found["batch"][1]["code"] == "post_only_would_cross"
    assert {order.token_id for order in books.orders} == set(tokens(told[2]))


def test_the_sdk_takes_with_price_improvement(told):
    found, books, _ = told
    assert (found["taken"]["status"], Decimal(found["taken"]["making_amount"])) == ("matched", Decimal("5.04"))
    # 8 shares are left at 0.42; the rest of the $5 buys at 0.43.
    assert Decimal(found["bought"]["making_amount"]) <= 5
    assert Decimal(found["bought"]["taking_amount"]) > Decimal(5) / Decimal("0.43")
    assert found["cash"] == books.cash // 10**4
    assert books.imbalances() == []


def test_the_sdk_reads_orders_trades_and_books(told):
    found, _, exchange = told
    assert (found["one"]["id"], found["one"]["status"]) == (found["resting"]["order_id"], "LIVE")
    assert found["resting"]["order_id"] in found["open"]
    assert found["taken"]["order_id"] not in found["open"]
    assert {row["status"] for row in found["trades"]} == {"CONFIRMED"}
    assert found["book"]["bids"][-1]["price"] == "0.4"
    assert found["books"] == tokens(exchange)
    assert found["price"] == "0.4"
    assert found["closed_only"] is False
    assert found["beat"]


def test_the_sdk_lists_markets_and_events_of_both_versions(told):
    found, _, _ = told
    assert [len(page) for page in found["listed"]] == [2, 1]
    rows = {row["slug"]: row for page in found["listed"] for row in page}
    assert sorted(rows) == sorted(found["events"]) == sorted([FED, SENATE, BTC])
    assert {row["version"] for row in rows.values()} == {"v1", "v2"}
    assert (rows[FED]["prices"]["best_bid"], rows[FED]["events"][0]["slug"]) == ("0.4", FED)
    assert Decimal(rows[FED]["metrics"]["volume_24hr"]) > 5
    assert found["closed"] == []


def test_the_sdk_sees_the_refusals(told):
    statuses = [status for status, _ in told[0]["errors"]]
    words = [text for _, text in told[0]["errors"]]
    assert statuses == [400, 400, 400, 400]
    assert words[0].endswith("is invalid. Duplicated.")
    assert "lower than the minimum: 5" in words[1]
    assert "not enough balance / allowance" in words[2]
    assert "FOK orders are fully filled or killed" in words[3]


def test_the_sdk_cancels(told):
    found, books, _ = told
    first = found["resting"]["order_id"]
    assert found["canceled"] == {"canceled": [first], "not_canceled": {}}
    assert found["canceled_again"]["canceled"] == [found["batch"][0]["order_id"]]
    assert list(found["canceled_again"]["not_canceled"]) == [first]
    assert len(found["canceled_market"]["canceled"]) == 1
    assert sorted(found["canceled_all"]["canceled"]) == sorted(order["order_id"] for order in found["others"])
    assert books.open_orders == ()


def test_the_sdk_redeems_through_the_relayer(official):
    """The local relayer takes what the SDK signs; that ours is the same is tested byte for byte elsewhere."""
    secret = "0x" + KEY.secret.hex()
    wallet = run(official, "polymarket_sdk_client.py", {"key": secret, "wallet": None})["wallet"]
    found_exchange = exchange(wallet, 3)
    found_exchange.deposit_shares("sdk", tokens(found_exchange)[0], Decimal(25))
    found_exchange.resolve(FED, 0)
    with PolymarketServer(found_exchange) as server:
        urls = {"clob": server.clob_url, "gamma": server.gamma_url}
        urls |= {"data": server.data_url, "relayer": server.relayer_url}
        given = {"urls": urls, "key": secret, "wallet": wallet, "condition": found_exchange.market(FED).condition_id}
        given["relayer_key"] = found_exchange.add_relayer_key("sdk")
        found = run(official, "polymarket_sdk_client.py", given)
    books = found_exchange.books("sdk")
    assert [(row["status"], Decimal(row["current_value"])) for row in found["before"]] == [("REDEEMABLE", 25)]
    assert (found["after"], bool(found["outcome"])) == ([], True)
    assert (books.settled_cash, books.imbalances()) == (125 * 10**10, [])


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
def test_the_clob_client_trades(clob, signature_type):
    wallet = address_of(key_of("a wallet")) if signature_type else address_of(KEY)
    found_exchange = exchange(wallet, signature_type)
    with PolymarketServer(found_exchange) as server:
        given = {"host": server.clob_url, "key": "0x" + KEY.secret.hex(), "wallet": wallet}
        given |= {"signature_type": signature_type, "tokens": tokens(found_exchange)}
        found = run(clob, "polymarket_clob_client.py", given)
    books = found_exchange.books("sdk")
    resting = found["resting"]["orderID"]
    assert [order["status"] for order in (found["resting"], *found["others"])] == ["live"] * 3
    assert [item["errorMsg"] == "" for item in found["batch"]] == [True, False]
    assert (found["bought"]["status"], found["bought"]["makingAmount"]) == ("matched", "4.99999962")
    assert (found["one"]["id"], resting in found["open"]) == (resting, True)
    assert {row["status"] for row in found["trades"]} == {"TRADE_STATUS_CONFIRMED"}
    assert found["hash"] == found["book"]["hash"]
    assert found["books"] == given["tokens"]
    assert int(found["cash"]) == books.cash // 10**4
    assert found["refused"][0] == 400
    assert found["canceled"]["canceled"] == [resting]
    assert list(found["canceled_again"]["not_canceled"]) == [resting]
    assert len(found["canceled_all"]["canceled"]) == 3
    assert books.open_orders == ()
    assert books.imbalances() == []

"""Polymarket orders: build and sign in 100 µs, the whole place path in 250 µs; the official SDKs beside them; what each
venue package costs to import, without an SDK."""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import take_turns, verdict
from holdfast.core.market import Side
from holdfast.core.orders import Placement, Purpose, TargetOrder
from holdfast.venues.polymarket.headers import ApiCredentials
from holdfast.venues.polymarket.order import SCALE, OrderBuilder, WireOrder
from holdfast.venues.polymarket.signer import LocalSigner, SignatureType
from local.environments import EnvironmentAbsentError, environment_python

MOST_SIGN_US = 100.0
MOST_PLACE_US = 250.0
ROUNDS = 3_000
SDK_ORDERS = 200
PACKAGES = ("kalshi", "polymarket")
OFFICIAL = {"polymarket", "py_clob_client", "py_clob_client_v2", "eth_account", "web3", "kalshi_python_sync"}
# Requirements and name of the tests' oracle, so that one environment serves both.
SDKS = ["polymarket-client==0.14.0", "py-clob-client-v2==1.2.1", "coincurve==21.0.0"]
SDK_ENVIRONMENT = "polymarket-sdks-1"
_SCRIPT = Path(__file__).with_name("polymarket_sdks.py")
_KEY = "0x" + "4f" * 32
_WALLET = "0x" + "12" * 20
_MARKET = "65005972776075224670000681010643899770971589393431405580697019408174847163720"
_TICK = SCALE.price("0.01")


class Account:
    """One account's signer, and the orders that it places: another one at every call."""

    def __init__(self, signature_type: SignatureType) -> None:
        self.signer = LocalSigner(_KEY)
        wallet = "" if signature_type is SignatureType.EOA else _WALLET
        self.builder = OrderBuilder(self.signer, "an-api-key", wallet=wallet, signature_type=signature_type)
        self.credentials = ApiCredentials("an-api-key", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "a-passphrase")
        self._made = 0

    def sign(self) -> WireOrder:
        """Build and sign one order."""
        self._made += 1
        target = TargetOrder(_MARKET, Side.BUY, 4_700, SCALE.size("12.34"), Purpose.QUOTE, "bid-0")
        placement = Placement(target, f"hf-abcd-q-{self._made}")
        return self.builder.build(placement, _TICK, 1_795_000_000_000 + self._made, neg_risk=False)

    def place(self) -> tuple[bytes, dict[str, str]]:
        """Everything that a place does before its first byte leaves: order, body, headers."""
        body = self.sign().body
        headers = self.credentials.headers(self.signer.address, 1_795_000_000, "POST", "/order", body)
        return body.encode(), headers


def main() -> bool:
    """Print the timings and say whether the targets were met."""
    key, deposit = Account(SignatureType.EOA), Account(SignatureType.DEPOSIT_WALLET)
    timings = take_turns((key.sign, deposit.sign, key.place, deposit.place), ROUNDS)
    names = ("build and sign, key", "build and sign, deposit wallet", "place path, key", "place path, deposit wallet")
    for name, timing in zip(names, timings, strict=True):
        print(f"{name:<52} {timing.median:>9.1f} µs   p99 {timing.p99:>8.1f} µs")
    _print_sdks()
    imports = [_import_time(package) for package in PACKAGES]
    print()
    limits = (MOST_SIGN_US, MOST_SIGN_US, MOST_PLACE_US, MOST_PLACE_US)
    met = [
        verdict(timing.median <= limit, f"{name}: {timing.median:.1f} µs, at most {limit:.0f}")
        for name, timing, limit in zip(names, timings, limits, strict=True)
    ]
    met += [verdict(not fault, f"import holdfast.venues.{name}: {fault or 'no SDK'}") for name, fault in imports]
    return all(met)


def _print_sdks() -> None:
    try:
        python = environment_python(SDK_ENVIRONMENT, SDKS)
    except EnvironmentAbsentError as absent:
        print(f"the official SDKs are not here: {absent}")
        return
    order = {
        "tick": "0.01",
        "price": "0.47",
        "size": "12.34",
        "side": "BUY",
        "type": "GTC",
        "post_only": True,
        "expiration": 0,
        "neg_risk": False,
        "version": 2,
        "token": _MARKET,
        "salt": 1,
        "signature_type": 0,
        "timestamp_ms": 1_795_000_000_000,
        "builder": None,
    }
    wallets = {"0": LocalSigner(_KEY).address}
    for sdk, name in (("unified", "polymarket-client 0.14.0"), ("v2", "py-clob-client-v2 1.2.1")):
        given = {"sdk": sdk, "key": _KEY, "owner": "an-api-key", "wallets": wallets, "timed": True}
        given["orders"] = [order] * SDK_ORDERS
        for backend, label in (("CoinCurveECCBackend", "with coincurve"), ("NativeECCBackend", "without")):
            environment = os.environ | {"ECC_BACKEND_CLASS": f"eth_keys.backends.{backend}"}
            done = subprocess.run(
                [str(python), str(_SCRIPT)],
                input=json.dumps(given),
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            print(f"{name + ' ' + label:<52} {json.loads(done.stdout)['median_us']:>9.1f} µs")


def _import_time(package: str) -> tuple[str, str]:
    """Print the import time of a venue package in a fresh process. Its name, and what is wrong with it, "" for nothing.

    A package that can't be imported is wrong too: left out, it would look as if it met its target.
    """
    code = (
        "import sys, time; begin = time.perf_counter(); "
        f"import holdfast.venues.{package}.adapter; taken = time.perf_counter() - begin; "
        "print(taken * 1000, *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        return package, f"it can't be imported: {done.stderr.strip().splitlines()[-1]}"
    taken, *roots = done.stdout.split()
    print(f"{'import holdfast.venues.' + package:<52} {float(taken):>9.0f} ms")
    brought = sorted(OFFICIAL & set(roots))
    return package, f"it brings {', '.join(brought)}" if brought else ""

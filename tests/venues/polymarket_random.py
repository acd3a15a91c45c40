"""Random orders of every kind that Polymarket takes, and how ours and an official SDK sign them."""

import json
import random
import subprocess
from pathlib import Path

from benchmarks.signing import SDK_ENVIRONMENT, SDKS
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.orders import Placement, Purpose, TargetOrder, TimeInForce
from holdfast.venues.polymarket.order import SCALE, OrderBuilder, meant_expiry_ms, salt_of
from holdfast.venues.polymarket.signer import LocalSigner, SignatureType
from holdfast.venues.polymarket.typed_data import ZERO_WORD, checksum_address
from local.environments import EnvironmentAbsentError, environment_python

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "polymarket_sdks.py"
KEY = "0x" + "4f3edf983ac636a65a842ce7c78d9aa706d3b113bce9c46f30d7d21715b23b1d"
OWNER = "9180014b-33c8-9240-a14b-bdca11c0a465"
BUILDER = bytes(range(100, 132))
TICKS = ("0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001")
IN_FORCE = {
    "GTC": TimeInForce.RESTING,
    "GTD": TimeInForce.RESTING,
    "FAK": TimeInForce.IMMEDIATE,
    "FOK": TimeInForce.ALL_OR_NOTHING,
}
WALLETS = {0: LocalSigner(KEY).address} | {kind: checksum_address(bytes([kind] * 20)) for kind in (1, 2, 3)}


def random_orders(count, seed=2026):
    """Orders as the oracle script reads them; prices on the tick, sizes of two decimals and more."""
    rng = random.Random(seed)
    return [_order(rng) for _ in range(count)]


def _order(rng):
    tick = SCALE.price(rng.choice(TICKS))
    price = tick * rng.randint(1, SCALE.one // tick - 1)
    size = rng.choice((rng.randint(500, 3_000_000) * 10_000, rng.randint(5_000_000, 10_000_000_000)))
    kind = rng.choice(tuple(IN_FORCE))
    version = rng.choice((2, 3))
    token = rng.getrandbits(256) if version == 2 else (rng.choice((1, 2)) << 248 | rng.getrandbits(144) << 104)
    cents = size // 10_000 * price // 10_000
    return {
        "tick": _text(tick, 4),
        "price": _text(price, 4),
        "size": _text(size, 6),
        "budget": _text(cents, 2),
        "side": rng.choice(("BUY", "SELL")),
        "type": kind,
        "post_only": kind in ("GTC", "GTD") and rng.random() < 0.5,
        "expiration": rng.randint(1_795_000_000, 1_800_000_000) if kind == "GTD" else 0,
        "neg_risk": rng.random() < 0.5,
        "version": version,
        "token": str(token),
        "identity": f"hf-{rng.getrandbits(64):x}",
        "salt": 0,
        "timestamp_ms": rng.randint(1_790_000_000_000, 1_800_000_000_000),
        "signature_type": rng.randint(0, 3),
        "builder": rng.choice((None, "0x" + BUILDER.hex())),
    }


def _text(units, decimals):
    return f"{units // 10**decimals}.{units % 10**decimals:0{decimals}d}".rstrip("0").rstrip(".")


def builders():
    """One of our builders per signature type and attribution."""
    return {
        (kind, code): OrderBuilder(
            LocalSigner(KEY), OWNER, wallet=WALLETS[kind], signature_type=SignatureType(kind), builder=raw
        )
        for kind in WALLETS
        for code, raw in ((None, ZERO_WORD), ("0x" + BUILDER.hex(), BUILDER))
    }


def ours(order, made):
    """Our signed order; None where we refuse."""
    target = TargetOrder(
        market=order["token"],
        side=Side(order["side"].lower()),
        price=SCALE.price(order["price"]),
        size=SCALE.size(order["size"]),
        purpose=Purpose.ENTRY,
        leg="entry",
        post_only=order["post_only"],
        expires_at_ms=meant_expiry_ms(order["expiration"]),
        time_in_force=IN_FORCE[order["type"]],
    )
    builder = made[order["signature_type"], order["builder"]]
    placement = Placement(target, order["identity"])
    tick = SCALE.price(order["tick"])
    try:
        return builder.build(placement, tick, order["timestamp_ms"], neg_risk=order["neg_risk"])
    except InvalidInputError:
        return None


def ask_sdk(name, orders, **more):
    """What one SDK says, from its own process. Raises EnvironmentAbsentError where it can't be installed."""
    python = environment_python(SDK_ENVIRONMENT, SDKS)
    salted = [order | {"salt": salt_of(order["identity"])} for order in orders]
    given = {"sdk": name, "key": KEY, "owner": OWNER, "wallets": WALLETS, "orders": salted, **more}
    done = subprocess.run(  # noqa: S603
        [str(python), str(SCRIPT)], input=json.dumps(given), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


__all__ = ["EnvironmentAbsentError", "ask_sdk", "builders", "ours", "random_orders"]

"""Run one local venue by itself, and break it from another shell:

    python -m local.venues serve polymarket --port 8080 --keys keys.json
    python -m local.venues fault http://127.0.0.1:8080 timeout_after --endpoint "POST /order" --skip 1
    python -m local.venues control http://127.0.0.1:8080 POST settlement '{"fail": 1}'

It has one market with a book of two levels, and one user with $1,000 and keys made for this run.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from coincurve import PrivateKey
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.clock import SystemClock
from holdfast.core.errors import InvalidInputError
from local.venues import kalshi, polymarket
from local.venues.faults import Fault, FaultKind
from local.venues.kalshi.wire import SCALE as KALSHI_SCALE
from local.venues.polymarket.eip712 import keccak
from local.venues.serving import CONTROL_PREFIX

MARKET = "LOCAL-MARKET"
_DOLLARS = Decimal(1_000)
_USER = "owner"
_TIMEOUT_S = 10

Server = kalshi.KalshiServer | polymarket.PolymarketServer


def polymarket_server(port: int) -> tuple[polymarket.PolymarketServer, dict[str, str]]:
    """A Polymarket, and the secret of its user as an account's record names it."""
    exchange = polymarket.PolymarketExchange(SystemClock(), new_id=lambda: str(uuid4()))
    exchange.add_market(polymarket.MarketSpec(MARKET.lower()))
    scale, size = polymarket.SCALE, polymarket.SCALE.size(1_000)
    exchange.apply_snapshot(MARKET.lower(), [(scale.price("0.45"), size)], [(scale.price("0.55"), size)])
    key = PrivateKey()
    exchange.add_user(_USER, "0x" + keccak(key.public_key.format(compressed=False)[1:])[12:].hex(), dollars=_DOLLARS)
    made = exchange.add_api_key(_USER)
    secret = {"private_key": key.to_hex(), "api_key": made.api_key}
    secret |= {"api_secret": made.secret, "api_passphrase": made.passphrase}
    return polymarket.PolymarketServer(exchange, port), secret


def kalshi_server(port: int) -> tuple[kalshi.KalshiServer, dict[str, str]]:
    """A Kalshi, and the secret of its user as an account's record names it."""
    exchange = kalshi.KalshiExchange(SystemClock())
    exchange.add_market(kalshi.MarketSpec(MARKET))
    scale, size = KALSHI_SCALE, KALSHI_SCALE.size(1_000)
    exchange.apply_snapshot(MARKET, [(scale.price("0.45"), size)], [(scale.price("0.55"), size)])
    key, key_id = Ed25519PrivateKey.generate(), str(uuid4())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    exchange.add_user(_USER, key_id, public.decode(), balances={0: _DOLLARS})
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return kalshi.KalshiServer(exchange, port), {"key_id": key_id, "private_key": private.decode()}


VENUES: dict[str, Callable[[int], tuple[Server, dict[str, str]]]] = {
    "kalshi": kalshi_server,
    "polymarket": polymarket_server,
}


def serve(venue: str, port: int, keys: Path | None) -> int:
    """Serve until interrupted."""
    server, secret = VENUES[venue](port)
    if keys is not None:
        # The owner's alone, and never over a file that is there.
        with os.fdopen(os.open(keys, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            json.dump(secret, opened)
    with server:
        print(server.origin, flush=True)
        try:
            Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


def control(origin: str, method: str, name: str, body: bytes) -> int:
    """Send one control request; 1 where the venue refuses it. Raises InvalidInputError for another host than this."""
    parts = urlsplit(origin)
    if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost") or not parts.port:
        raise InvalidInputError("origin", origin, "http://127.0.0.1:PORT, as serve printed it")
    connection = HTTPConnection("127.0.0.1", parts.port, timeout=_TIMEOUT_S)
    connection.request(method, CONTROL_PREFIX + name, body)
    answer = connection.getresponse()
    print(answer.read().decode().strip() or "done", file=sys.stdout if answer.status < 300 else sys.stderr)
    return 0 if answer.status < 300 else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.venues", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="serve one venue on loopback until interrupted; prints its origin")
    serving.add_argument("venue", choices=list(VENUES))
    serving.add_argument("--port", type=int, default=0, help="0: any that is free")
    serving.add_argument("--keys", type=Path, help="a new file for the user's keys, as an account's secret has them")
    fault = commands.add_parser("fault", help="let a fault strike the next requests to an endpoint")
    fault.add_argument("origin")
    fault.add_argument("kind", choices=[kind.value for kind in FaultKind])
    fault.add_argument("--endpoint", default="*", help='"POST /order", "* /order", "GET /data/*"')
    for name, default in (("times", 1), ("skip", 0), ("chance-permille", 1_000), ("status", 503), ("wait-ms", 0)):
        fault.add_argument(f"--{name}", type=int, default=default)
    asking = commands.add_parser("control", help="any other control, by its name below /_local/")
    for name in ("origin", "method", "name"):
        asking.add_argument(name)
    asking.add_argument("body", nargs="?", default="")
    return parser


def main() -> int:
    """Run one command; 2 for what can't be meant."""
    given = vars(_parser().parse_args())
    command = given.pop("command")
    try:
        if command == "serve":
            return serve(**given)
        if command == "fault":
            origin = given.pop("origin")
            fault = Fault(**given | {"kind": FaultKind(given["kind"])})
            return control(origin, "POST", "faults", msgspec.json.encode(fault))
        return control(given["origin"], given["method"], given["name"], given["body"].encode())
    except (InvalidInputError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

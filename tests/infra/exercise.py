"""Runs inside a built function's own search path, where nothing else of the project is: imports all that it could ever
import, and uses the third-party code that only starts to matter at the first order.

Reads {"function", "keys"} as JSON from stdin, writes {"modules": [...], "signed": {...}} to stdout.
"""

import importlib
import json
import pkgutil
import sys
from typing import Any


def main() -> None:
    given = json.load(sys.stdin)
    importlib.import_module(f"functions.{given['function']}.handler")
    modules = sorted(sys.modules)
    signed = use_venues(given["keys"]) if given["keys"] else {}
    json.dump({"modules": modules, "signed": signed}, sys.stdout)


def use_venues(keys: dict[str, str]) -> dict[str, Any]:
    """Sign with each kind of key, hash, and load what a connection needs; every module of ours is imported for it."""
    import certifi

    import holdfast

    for module in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
        importlib.import_module(module.name)
    from holdfast.venues.kalshi.auth import SIGNATURE_HEADER, Signer
    from holdfast.venues.polymarket.signer import LocalSigner
    from holdfast.venues.transport import RequestsTransport

    RequestsTransport().close()
    assert "BEGIN CERTIFICATE" in certifi.contents()
    assert Signer("rsa", keys["rsa"]).headers(1, "GET", "/")[SIGNATURE_HEADER]
    wallet = LocalSigner(keys["wallet"])
    return {
        "ed25519": Signer("ed", keys["ed25519"]).headers(1, "GET", "/")[SIGNATURE_HEADER],
        "address": wallet.address,
        "digest": wallet.sign_digest(bytes(range(32))).hex(),
    }


if __name__ == "__main__":
    main()

"""What the owner asks of Polymarket's official SDK. Runs in the SDK's own environment, as a subprocess: it imports
nothing of ours, and what it is given and what it answers go through pipes, never through arguments or the environment.

Reads {"key", "clob_url", "nonce"} from stdin, where an empty URL means the venue's own, and prints as JSON the API
credentials of the key: {"api_key", "api_secret", "api_passphrase"}. On failure it prints {"error"} and exits with 1.
"""

import json
import sys
from dataclasses import replace

from eth_account import Account
from polymarket import SecureClient
from polymarket.environments import PRODUCTION, Environment, _create_environment
from polymarket.errors import PolymarketError


def environment(clob_url: str) -> Environment:
    """The venue's own hosts, or a local CLOB."""
    if not clob_url:
        return PRODUCTION
    return _create_environment(name="local", config=replace(PRODUCTION._config, clob_url=clob_url))


def main() -> None:
    """Create the key's API credentials, or derive them where they exist."""
    given = json.load(sys.stdin)
    # As an account of the key itself: API keys are the key's whatever wallet holds the money, and the SDK would deploy
    # a wallet that does not exist yet.
    wallet = Account.from_key(given["key"]).address
    try:
        client = SecureClient.create(
            private_key=given["key"],
            wallet=wallet,
            environment=environment(given["clob_url"]),
            nonce=given["nonce"],
        )
    except PolymarketError as error:
        json.dump({"error": f"{type(error).__name__}: {error}"}, sys.stdout)
        sys.exit(1)
    made = client.credentials
    json.dump({"api_key": made.key, "api_secret": made.secret, "api_passphrase": made.passphrase}, sys.stdout)


if __name__ == "__main__":
    main()

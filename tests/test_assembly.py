"""What one account's parts are put together from, and what stops it."""

import pytest

from holdfast.assembly import open_venue
from holdfast.clock import VirtualClock
from holdfast.core.errors import StoreError
from holdfast.state.accounts import Account, MemorySecrets
from tests.venues.kalshi_scripted import CountingMeter, ed25519_pem

ACCOUNT = Account(account_id="k", venue="kalshi", environment="demo", secret_name="keys")


@pytest.mark.parametrize("lacks", ["key_id", "private_key"])
def test_a_secret_that_lacks_a_field_is_named_and_not_shown(lacks: str) -> None:
    pem = ed25519_pem()
    fields = {"key_id": "key-1", "private_key": pem}
    open_venue(ACCOUNT, MemorySecrets({"keys": fields}), VirtualClock(0), CountingMeter())
    for secret in ({**fields, lacks: ""}, {name: value for name, value in fields.items() if name != lacks}):
        with pytest.raises(StoreError) as refused:
            open_venue(ACCOUNT, MemorySecrets({"keys": secret}), VirtualClock(0), CountingMeter())
        assert str(refused.value) == f"secret keys lacks {lacks}"

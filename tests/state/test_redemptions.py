"""Redemption records: written under the lease's fence, one item per condition, and never over another writer's."""

import pytest

from holdfast.core.errors import ConditionFailedError, LeaseLostError
from holdfast.core.redemption import Holding, Redeemable, SignedRedemption, next_attempt
from holdfast.state.leases import acquire, lease_key
from holdfast.state.port import Store
from holdfast.state.redemptions import Redemptions
from tests.state.items import NOW_MS

NOW = NOW_MS
WANTED = Redeemable("0xc", (Holding("t", 1, 1),))


def lease_of(store: Store, now_ms: int):
    return acquire(store, "a", "brackets", "w", now_ms, 1_000, store.get(lease_key("a", "brackets")))


def attempt(latest=None):
    signed = SignedRedemption("{}", NOW)
    return next_attempt(latest, "a", WANTED, signed, fence=1, now_ms=NOW, resolvable_at_ms=NOW)


def test_record_is_opened_only_under_the_lease(store: Store) -> None:
    records = Redemptions(store, "a")
    lost, held = lease_of(store, NOW), lease_of(store, NOW + 2_000)
    with pytest.raises(LeaseLostError):
        records.open(attempt(), lost)
    assert records.all() == {}
    records.open(attempt(), held)
    assert records.all() == {"0xc": attempt()}
    with pytest.raises(LeaseLostError):
        records.open(attempt(), held)


def test_whoever_closes_later_loses(store: Store) -> None:
    records, lease = Redemptions(store, "a"), lease_of(store, NOW)
    sent = attempt()
    records.open(sent, lease)
    done = sent.confirmed("x", NOW)
    records.close(done)
    with pytest.raises(ConditionFailedError):
        records.close(sent.failed("no", NOW, counts=True))
    again = attempt(done)
    records.open(again, lease)
    assert records.all() == {"0xc": again}
    with pytest.raises(ConditionFailedError):
        records.close(done.restarted())

"""One lease per (account, job) with a fencing token, in the control table.

The lease gives one tick at a time; the fence gives safety: every journal entry is opened in one transaction with a
check of the fence, so a writer that was paused past its lease can't send another order (design section 7).
"""

from msgspec import Struct, structs

from holdfast.core.errors import ConditionFailedError, LeaseLostError
from holdfast.state.port import Absent, Check, Equals, Item, Key, Put, Store, Table


class Lease(Struct, frozen=True):
    """A held lease. `fence` grows with every acquisition; times in UTC ms.

    `scheduled_at_ms` is the latest scheduled tick that was begun: a message delivered twice is known by it.
    """

    account: str
    job: str
    owner: str
    fence: int
    expires_at_ms: int
    scheduled_at_ms: int = 0

    @property
    def key(self) -> Key:
        """Where the lease is."""
        return lease_key(self.account, self.job)

    @property
    def check(self) -> Check:
        """A transaction's condition that this lease has not been taken over."""
        return Check(self.key, Equals("fence", self.fence))


def lease_key(account: str, job: str) -> Key:
    """The lease's place in the control table."""
    return Key(Table.CONTROL, f"LEASE#{account}#{job}", "lease")


def acquire(
    store: Store,
    account: str,
    job: str,
    owner: str,
    now_ms: int,
    lifetime_ms: int,
    current: Item | None,
    scheduled_at_ms: int = 0,
) -> Lease | None:
    """Take the lease if it is free or past its end; None if another writer holds it or was faster.

    `current` is the item as just read (it is read together with the halts). A takeover raises the fence, so the
    former holder's next journal entry fails.
    """
    if current is not None and current["expires_at_ms"] > now_ms:
        return None
    fence = (current["fence"] if current else 0) + 1
    begun_ms = max(scheduled_at_ms, current["scheduled_at_ms"] if current else 0)
    lease = Lease(account, job, owner, fence, now_ms + lifetime_ms, begun_ms)
    condition = Equals("fence", current["fence"]) if current else Absent()
    try:
        store.write(Put(Table.CONTROL, _item(lease), condition))
    except ConditionFailedError:
        return None
    return lease


def renew(store: Store, lease: Lease, now_ms: int, lifetime_ms: int) -> Lease:
    """Extend a held lease. Raises LeaseLostError if another writer has it."""
    longer = structs.replace(lease, expires_at_ms=now_ms + lifetime_ms)
    try:
        store.write(Put(Table.CONTROL, _item(longer), Equals("fence", lease.fence)))
    except ConditionFailedError:
        raise LeaseLostError(f"lease {lease.key.pk} was taken over from fence {lease.fence}") from None
    return longer


def release(store: Store, lease: Lease) -> None:
    """Free the lease, keeping its fence. Losing it meanwhile is no error: it is no longer ours to free."""
    try:
        store.write(Put(Table.CONTROL, _item(structs.replace(lease, expires_at_ms=0)), Equals("fence", lease.fence)))
    except ConditionFailedError:
        return


def _item(lease: Lease) -> Item:
    return {
        "pk": lease.key.pk,
        "sk": lease.key.sk,
        "owner": lease.owner,
        "fence": lease.fence,
        "expires_at_ms": lease.expires_at_ms,
        "scheduled_at_ms": lease.scheduled_at_ms,
    }

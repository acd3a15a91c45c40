"""Requests in the control table: each put once, taken once, and remembered for as long as it could be delivered again.

A request is one item: under "open#" until it is decided, under "over#" afterwards, so that one query lists the open
ones. What is over stays for KEPT_DAYS, by which its duplicates are known.
"""

import msgspec
from msgspec import Struct

from holdfast.core.errors import ConditionFailedError
from holdfast.core.requests import Request, RequestState
from holdfast.state.port import Absent, Check, Delete, Equals, Item, Key, Put, Store, Table, Write
from holdfast.state.records import Unreadable, readable

KEPT_DAYS = 14
"""SQS keeps a message this long at most: no duplicate of it comes later."""

_OPEN, _OVER = "open#", "over#"
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


class StoredRequest(Struct, frozen=True):
    """A request and what became of it by `at_ms`. `reason` is a name, `words` are for people.

    While it is open they say why it could not be carried out so far, "" where nobody has tried.
    """

    request: Request
    state: RequestState
    at_ms: int
    reason: str = ""
    words: str = ""


class Requests:
    """One account's requests."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._pk = f"REQUEST#{account}"

    def put(self, request: Request, now_ms: int) -> bool:
        """Store a new request. False: one of this id is known already, open or over; nothing changes."""
        stored = StoredRequest(request, RequestState.OPEN, now_ms)
        writes: list[Write] = [
            Put(Table.CONTROL, self._item(stored), Absent()),
            Check(self._key(_OVER, request), Absent()),
        ]
        try:
            self._store.transact(writes)
        except ConditionFailedError:
            return False
        return True

    def open(self) -> list[StoredRequest]:
        """Every request that is not decided and can be read, the expired ones too, oldest first; one query."""
        return self.read()[0]

    def read(self) -> tuple[list[StoredRequest], tuple[Unreadable, ...]]:
        """What `open` has, and the undecided ones that can't be read."""
        found, left = readable("request", self._store.query(Table.CONTROL, self._pk, _OPEN), _stored)
        found.sort(key=lambda stored: (stored.request.requested_at_ms, stored.request.request_id))
        return found, left

    def known(self) -> list[StoredRequest]:
        """Every request that is still known and can be read, latest change first. For people, not for ticks."""
        found, _ = readable("request", self._store.query(Table.CONTROL, self._pk), _stored)
        return sorted(found, key=lambda stored: (-stored.at_ms, stored.request.request_id))

    def taking(self, request: Request, now_ms: int, words: str = "") -> tuple[Write, ...]:
        """The writes that take a request, for one transaction with what is done about it (journal entry, bracket).

        They fail where another writer took, refused or expired it first.
        """
        return self._over(StoredRequest(request, RequestState.TAKEN, now_ms, words=words))

    def finishing(self, request: Request, now_ms: int, reason: str, words: str) -> Put:
        """The write by which a taken request is done. It fails where it is not taken, or done already."""
        done = StoredRequest(request, RequestState.DONE, now_ms, reason, words)
        return Put(Table.CONTROL, self._item(done), Equals("state", RequestState.TAKEN.value))

    def finish(self, request_id: str, now_ms: int, reason: str, words: str) -> bool:
        """A taken request is done. False where it is not taken, unknown by now, or done already.

        What was asked for is not read: exits wait for this, and must not for a request that nobody can read.
        """
        item = self._store.get(Key(Table.CONTROL, self._pk, f"{_OVER}{request_id}"))
        if item is None or item.get("state") != RequestState.TAKEN.value:
            return False
        done = {"state": RequestState.DONE.value, "at_ms": now_ms, "reason": reason, "words": words}
        kept = {"ttl": max(item.get("ttl", 0), now_ms // 1000 + KEPT_DAYS * 86_400)}
        try:
            self._store.write(Put(Table.CONTROL, item | done | kept, Equals("state", RequestState.TAKEN.value)))
        except ConditionFailedError:
            return False
        return True

    def refuse(self, request: Request, now_ms: int, reason: str, words: str) -> bool:
        """Nothing is or will be sent for it. False: another writer decided it first."""
        return self._decide(StoredRequest(request, RequestState.REFUSED, now_ms, reason, words))

    def expire(self, stored: StoredRequest, now_ms: int) -> bool:
        """Its time is over; what kept it from being carried out stays with it. False: another writer was first."""
        over = StoredRequest(stored.request, RequestState.EXPIRED, now_ms, stored.reason, stored.words)
        return self._decide(over)

    def postpone(self, stored: StoredRequest, now_ms: int, reason: str, words: str) -> None:
        """Note why an open request waits; written where the reason is another one than before only."""
        if reason == stored.reason:
            return
        noted = StoredRequest(stored.request, RequestState.OPEN, now_ms, reason, words)
        try:
            self._store.write(Put(Table.CONTROL, self._item(noted), Equals("state", RequestState.OPEN.value)))
        except ConditionFailedError:
            # Another writer decided it meanwhile: there is nothing to note any more.
            return

    def _decide(self, stored: StoredRequest) -> bool:
        try:
            self._store.transact(self._over(stored))
        except ConditionFailedError:
            return False
        return True

    def _over(self, stored: StoredRequest) -> tuple[Write, ...]:
        opened = Delete(self._key(_OPEN, stored.request), Equals("state", RequestState.OPEN.value))
        return opened, Put(Table.CONTROL, self._item(stored), Absent())

    def _key(self, prefix: str, request: Request) -> Key:
        return Key(Table.CONTROL, self._pk, f"{prefix}{request.request_id}")

    def _item(self, stored: StoredRequest) -> Item:
        is_open = stored.state is RequestState.OPEN
        kept_from_ms = max(stored.at_ms, stored.request.expires_at_ms)
        return {
            "pk": self._pk,
            "sk": self._key(_OPEN if is_open else _OVER, stored.request).sk,
            "state": stored.state.value,
            "at_ms": stored.at_ms,
            "reason": stored.reason,
            "words": stored.words,
            "request": _encoder.encode(stored.request).decode(),
            "ttl": kept_from_ms // 1000 + KEPT_DAYS * 86_400,
        }


def _stored(item: Item) -> StoredRequest:
    fields = {name: item[name] for name in ("state", "at_ms", "reason", "words")}
    return msgspec.convert({"request": _decoder.decode(item["request"]), **fields}, StoredRequest)

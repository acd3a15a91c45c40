"""Accounts in the control table, and the secrets that their records name.

A record is pk ACCOUNT#{id}, and pk ACCOUNTS lists the ids, so that all are found without a scan. Keys are never in a
record: `secret_name` says where they are.
"""

import json
import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct, structs

from holdfast.clock import Clock
from holdfast.core.errors import ConditionFailedError, InvalidInputError, StoreError
from holdfast.state.port import Absent, Delete, Item, Key, Put, Store, Table
from holdfast.state.switch_set import EVERYBODY

VENUES = ("kalshi", "polymarket", "coinbase")
ENVIRONMENTS = ("production", "demo", "local")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@:-]{1,512}")
REGION_PATTERN = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")
_INDEX_PK = "ACCOUNTS"
_SECRET_FRESH_MS = 600_000


class Account(Struct, frozen=True, kw_only=True):
    """Where one account is. Empty URLs mean the venue's own hosts for the environment.

    `environment` "local" is a stand-in on this machine: its URLs must lead to loopback. `region` is the AWS region
    whose stack serves the account (Polymarket refuses some countries' addresses). `options` are the venue's own
    settings, none of them secret, by name; `holdfast.assembly.check_account` says which there are.
    """

    account_id: str
    venue: str
    environment: str
    secret_name: str
    base_url: str = ""
    ws_url: str = ""
    subaccount: int = 0
    region: str = "us-east-1"
    options: dict[str, str] = {}

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.account_id) or self.account_id == EVERYBODY:
            raise InvalidInputError(
                "account id", self.account_id, f"1 to 40 of a-z, 0-9 and -, not starting with -, not {EVERYBODY!r}"
            )
        for name, value, known in (
            ("venue", self.venue, VENUES),
            ("environment", self.environment, ENVIRONMENTS),
        ):
            if value not in known:
                raise InvalidInputError(f"{name} of account {self.account_id}", value, f"one of {', '.join(known)}")
        if self.subaccount < 0:
            raise InvalidInputError(f"subaccount of account {self.account_id}", self.subaccount, "0 or more")
        if not _SECRET_NAME.fullmatch(self.secret_name):
            # It is not repeated: it may be the secret itself.
            given = "(hidden)" if self.secret_name else ""
            raise InvalidInputError(f"secret_name of account {self.account_id}", given, "a secret's name or ARN")
        if not REGION_PATTERN.fullmatch(self.region):
            raise InvalidInputError(f"region of account {self.account_id}", self.region, "a region such as us-east-1")
        self._check_url("base_url", ("https", "http"))
        self._check_url("ws_url", ("wss", "ws"))
        if self.environment == "local" and not self.base_url:
            raise InvalidInputError(f"base_url of account {self.account_id}", "", "the local server's URL")

    def _check_url(self, name: str, schemes: tuple[str, str]) -> None:
        """Encrypted, or plain to loopback; without credentials, query and fragment."""
        url = getattr(self, name)
        if not url:
            return
        secure, plain = schemes
        parts = urlsplit(url)
        local = is_loopback(parts.hostname or "")
        fits = parts.scheme == secure or (parts.scheme == plain and local)
        if self.environment == "local" and not local:
            fits = False
        if not fits or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
            where = "loopback" if self.environment == "local" else f"{secure}://host, or {plain}:// to loopback"
            # The URL itself is not repeated: it may hold credentials.
            raise InvalidInputError(f"{name} of account {self.account_id}", f"{parts.scheme}://...", where)


class Accounts:
    """Every account of one stage."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, account_id: str) -> Account:
        """One account. Raises InvalidInputError where there is none of that id, or its record can't be used."""
        item = self._store.get(_key(account_id))
        if item is None:
            known = ", ".join(self.ids()) or "none yet (holdfast accounts add)"
            raise InvalidInputError("account", account_id, f"a known account: {known}")
        return _account(item)

    def ids(self) -> tuple[str, ...]:
        """The ids of all accounts in order, also of those whose record can't be used."""
        return tuple(item["sk"] for item in self._store.query(Table.CONTROL, _INDEX_PK))

    def list(self) -> list[Account]:
        """Every account in order of id."""
        ids = self.ids()
        found = self._store.get_many([_key(account_id) for account_id in ids])
        return [_account(found[key]) for key in map(_key, ids) if key in found]

    def save(self, account: Account, *, replace: bool = False) -> None:
        """Add an account, or replace its record. Raises InvalidInputError where it exists and `replace` is False."""
        key = _key(account.account_id)
        record = {"pk": key.pk, "sk": key.sk, **structs.asdict(account)}
        index = {"pk": _INDEX_PK, "sk": account.account_id}
        try:
            self._store.transact([Put(Table.CONTROL, record, None if replace else Absent()), Put(Table.CONTROL, index)])
        except ConditionFailedError:
            raise InvalidInputError("account", account.account_id, "an id that is not taken yet") from None

    def remove(self, account_id: str) -> None:
        """Take an account's record away; what it has in the tables stays. Removing what is not there is no error."""
        self._store.transact([Delete(_key(account_id)), Delete(Key(Table.CONTROL, _INDEX_PK, account_id))])


class Secrets(Protocol):
    """The venues' credentials by name. Raises StoreError where one can't be read; no message holds any of it."""

    def read(self, name: str) -> dict[str, str]:
        """One secret's fields."""
        ...


class SecretsManager:
    """Secrets in AWS Secrets Manager: JSON objects of texts, cached for ten minutes."""

    def __init__(self, client: Any, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[str, tuple[dict[str, str], int]] = {}

    def read(self, name: str) -> dict[str, str]:
        """One secret's fields. What was read before serves on while it can't be read again: exits need the keys."""
        known, until_ms = self._known.get(name, (None, 0))
        now_ms = self._clock.now_ms()
        if known is None or now_ms >= until_ms:
            try:
                known = self._fetched(name)
            except StoreError:
                if known is None:
                    raise
            else:
                self._known[name] = (known, now_ms + _SECRET_FRESH_MS)
        return dict(known)

    def write(self, name: str, fields: Mapping[str, str]) -> None:
        """Set these fields of a secret that exists; the others stay. Only the command line does that."""
        whole = {**self._fetched(name), **fields}
        try:
            self._client.put_secret_value(SecretId=name, SecretString=json.dumps(whole))
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"secret {name} can't be written: {_code(error)}") from None
        self._known.pop(name, None)

    def _fetched(self, name: str) -> dict[str, str]:
        try:
            text = self._client.get_secret_value(SecretId=name)["SecretString"]
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"secret {name} can't be read: {_code(error)}") from None
        return _fields(name, text)


class MemorySecrets:
    """Secrets in a dict, for tests and simulation."""

    def __init__(self, secrets: dict[str, dict[str, str]]) -> None:
        self._secrets = secrets

    def read(self, name: str) -> dict[str, str]:
        """One secret's fields."""
        if name not in self._secrets:
            raise StoreError(f"secret {name} can't be read: there is none")
        return dict(self._secrets[name])


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _key(account_id: str) -> Key:
    return Key(Table.CONTROL, f"ACCOUNT#{account_id}", "record")


def _account(item: Item) -> Account:
    fields = {name: item[name] for name in Account.__struct_fields__ if name in item}
    try:
        return msgspec.convert(fields, Account)
    except msgspec.ValidationError as error:
        what = f"record of {item['pk']}"
        raise InvalidInputError(what, str(error), "a record as `holdfast accounts add` writes it") from None


def _fields(name: str, text: str) -> dict[str, str]:
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise StoreError(f"secret {name} is no JSON object of texts")
    return fields


def _code(error: Exception) -> str:
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else type(error).__name__

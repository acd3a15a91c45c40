"""Short ways to write keys and items down."""

from holdfast.state.port import Condition, Key, Put, Table

NOW_MS = 1_800_000_000_000
NOW_S = NOW_MS // 1000


def key(sk: str = "s", pk: str = "p", table: Table = Table.CONTROL) -> Key:
    return Key(table, pk, sk)


def put(sk: str = "s", condition: Condition | None = None, pk: str = "p", **attributes: object) -> Put:
    return Put(Table.CONTROL, {"pk": pk, "sk": sk, **attributes}, condition)

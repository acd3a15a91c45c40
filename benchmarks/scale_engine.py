"""The same ticks on an engine's DynamoDB, which says itself what it charges for them."""

from typing import Any

from benchmarks.scale_account import START_MS
from benchmarks.scale_crowd import Counts, Crowd
from holdfast.clock import VirtualClock
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.tables import TableNames
from local.aws.engine import AwsEngine

STAGE = "bench"
_WRITES = ("PutItem", "DeleteItem", "TransactWriteItems")


class Charges:
    """Write units that a client's calls have consumed, by the engine's own count.

    Read units are not compared: ministack charges one for each call, however large the answer.
    """

    def __init__(self, client: Any) -> None:
        self.units = 0
        client.meta.events.register("provide-client-params.dynamodb", self._ask)
        client.meta.events.register("after-call.dynamodb", self._add)

    def _ask(self, params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def _add(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in _WRITES:
            consumed = parsed.get("ConsumedCapacity", [])
            tables = consumed if isinstance(consumed, list) else [consumed]
            self.units += sum(round(table["CapacityUnits"]) for table in tables)


def kinds_at(engine: AwsEngine, accounts: int) -> dict[str, Counts]:
    """One tick of each kind by one of so many accounts."""
    engine.create_stage(STAGE)
    client = engine.clients().dynamodb
    store = DynamoStore(client, TableNames(STAGE), VirtualClock(START_MS))
    charges = Charges(client)
    crowd = Crowd(accounts, store, lambda: charges.units)
    return crowd.kinds(crowd.accounts[0])

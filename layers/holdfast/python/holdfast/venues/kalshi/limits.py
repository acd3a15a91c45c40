"""What the account can do at Kalshi, from its limits and endpoint costs (facts kalshi section 8)."""

import re

import msgspec

from holdfast.core.capabilities import Bucket, CancelAck, Capabilities, Costs, Replace
from holdfast.core.errors import VenueUnavailableError
from holdfast.venues.kalshi import client as api
from holdfast.venues.kalshi.client import KalshiClient
from holdfast.venues.kalshi.fees import HIGHEST
from holdfast.venues.kalshi.hosts import API_PREFIX
from holdfast.venues.kalshi.wire import SCALE, decode
from holdfast.venues.kalshi.wire_reads import BucketRow, CostsAnswer, LimitsAnswer

# A batch is as large as fits the write bucket; whether Kalshi also caps the number of items is unverified (facts
# kalshi section 13), so this bounds it on the high tiers.
MOST_ITEMS = 100
BOOKS_PER_CALL = 100
# The as-of time is approximate (GET /exchange/user_data_timestamp says so itself), and one read may come from a copy
# that is older than the one the time came from. What is lost by waiting longer is little: our own writes stand in.
AS_OF_SLACK_MS = 5_000

_LIMITS = msgspec.json.Decoder(LimitsAnswer)
_COSTS = msgspec.json.Decoder(CostsAnswer)
_PARAMETER = re.compile(r"\{[^}/]*\}|:[^/]+")


def read_capabilities(client: KalshiClient) -> Capabilities:
    """Read limits and costs from the venue; the client charges reads at these costs from then on."""
    limits = decode(_LIMITS, client.read(api.LIMITS), api.LIMITS.name)
    costs = decode(_COSTS, client.read(api.COSTS), api.COSTS.name)
    client.default_cost = costs.default_cost
    client.costs = _costs_by_name(costs)
    return _capabilities(client, limits)


def _capabilities(client: KalshiClient, limits: LimitsAnswer) -> Capabilities:
    write = _bucket(api.WRITE_BUCKET, limits.write)
    create = max(client.cost(api.CREATE), client.cost(api.CREATE_BATCH))
    cancel = max(client.cost(api.CANCEL), client.cost(api.CANCEL_BATCH))
    return Capabilities(
        scale=SCALE,
        netting=True,
        post_only=True,
        batch_create=_fitting(write, create),
        batch_cancel=_fitting(write, cancel),
        write_bucket=write,
        read_bucket=_bucket(api.READ_BUCKET, limits.read),
        costs=Costs(
            create=create,
            cancel=cancel,
            amend=client.cost(api.AMEND),
            decrease=client.cost(api.DECREASE),
            read=client.cost(api.ORDERS),
        ),
        cancel_ack=CancelAck.FINAL_WITH_FILLS,
        replace=Replace.AMEND,
        decrease=True,
        reserves_sells=False,
        native_bracket=False,
        states_as_of=True,
        as_of_slack_ms=AS_OF_SLACK_MS,
        read_lag_ms=0,
        books_per_call=BOOKS_PER_CALL,
        fees=HIGHEST,
    )


def _bucket(name: str, row: BucketRow) -> Bucket:
    if row.refill_rate <= 0 or row.bucket_capacity <= 0:
        raise VenueUnavailableError(f"{api.LIMITS.name}: {name} has no budget: {row}")
    return Bucket(name=name, refill=row.refill_rate, capacity=row.bucket_capacity)


def _fitting(bucket: Bucket, cost: int) -> int:
    return max(1, min(MOST_ITEMS, bucket.capacity // max(cost, 1)))


def _costs_by_name(answer: CostsAnswer) -> dict[str, int]:
    """Costs by our endpoint names. How the venue spells parameters in a path is not documented, so shapes are
    compared; a path that is not recognised costs the default, which is never too little today."""
    ours = {_shape(endpoint.method, endpoint.path): endpoint.name for endpoint in api.ALL}
    found = ((ours.get(_shape(row.method, row.path)), row.cost) for row in answer.endpoint_costs or ())
    return {name: cost for name, cost in found if name is not None}


def _shape(method: str, path: str) -> str:
    return f"{method.upper()} {_PARAMETER.sub('{}', path.removeprefix(API_PREFIX))}"

"""The dead man's switch: whoever beat once and then is silent for 10 seconds loses that key's orders (facts
polymarket section 2.4)."""

import msgspec
from msgspec import Struct

from local.venues.http import Response, answer
from local.venues.polymarket import orders
from local.venues.polymarket.call import Call
from local.venues.polymarket.messages import invalid_payload
from local.venues.polymarket.records import EndReason

DEADLINE_MS = 10_000


class HeartbeatBody(Struct, frozen=True):
    """POST /v1/heartbeats."""

    heartbeat_id: str | None = ""


def beat(call: Call) -> Response:
    """POST /v1/heartbeats. The venue looks every 5 seconds; here the deadline is exact, which is harder."""
    try:
        given = msgspec.json.decode(call.request.body or b"{}", type=HeartbeatBody).heartbeat_id or ""
    except msgspec.MsgspecError:
        raise invalid_payload() from None
    state, user, api_key = call.state, call.user, call.api_key
    expected = user.heartbeats.get(api_key, "")
    if given != expected:
        return answer({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": expected}, 400)
    current = user.heartbeats[api_key] = state.new_id()

    def check(at_ms: int) -> None:
        if user.heartbeats.get(api_key) == current:
            del user.heartbeats[api_key]
            orders.cancel_key(state, user, api_key, EndReason.HEARTBEAT, at_ms)

    state.plan(state.now_ms + DEADLINE_MS, check)
    return answer({"heartbeat_id": current})

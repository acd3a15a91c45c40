"""The relayer, below /relayer: it sends the transactions that a wallet's owner signed, and pays their gas.

As its OpenAPI and the official SDK have it (facts polymarket section 8): one transaction of a wallet at a time, each
with the wallet's next nonce, 25 submits a minute. Only redemptions take effect here; any other call reverts. Wallets
of type 1 are refused: nothing of ours asks for them. Where the venue's words are not known, the OpenAPI's general ones
are used.
"""

from local.venues.http import Response, answer
from local.venues.polymarket import shapes
from local.venues.polymarket.accounts import User
from local.venues.polymarket.booking import redeem
from local.venues.polymarket.call import Call
from local.venues.polymarket.records import RelayerTransaction
from local.venues.polymarket.relay_calls import KINDS, Relayed, are_held, read_request, redemption_of
from local.venues.polymarket.state import ExchangeState
from local.venues.polymarket.wire import ApiError

SUBMITS_PER_MINUTE = 25
_MINUTE_MS = 60_000
_MOST_LISTED = 100
CONFIRMED, FAILED, INVALID = "STATE_CONFIRMED", "STATE_FAILED", "STATE_INVALID"
_FINAL = (CONFIRMED, FAILED, INVALID)


def submit(call: Call) -> Response:
    """POST /relayer/submit. What it does shows later, in the transaction's state."""
    state, user = call.state, _relayer_user(call)
    _admit(state)
    asked = read_request(call.request.body, user)
    mine = [known for known in state.relayed.values() if known.sender == user.address]
    if any(known.state not in _FINAL for known in mine):
        raise ApiError(400, "wallet has in-flight action")
    due = _next_nonce(state, user)
    if asked.nonce != due:
        raise ApiError(400, f"batch nonce {asked.nonce} does not match on-chain nonce {due}")
    if asked.deadline_s and asked.deadline_s * 1000 <= state.now_ms:
        raise ApiError(400, "bad request")
    found = RelayerTransaction(
        state.new_id(), user.address, state.now_ms, asked.nonce, asked.metadata, asked.signature, calls=len(asked.calls)
    )
    state.relayed[found.transaction_id] = found
    delays = state.relaying
    state.plan(state.now_ms + delays.mined_after_ms, lambda at_ms: _mine(state, user, found, asked, at_ms))
    return answer({"transactionID": found.transaction_id, "state": "STATE_NEW"})


def get_transaction(call: Call) -> Response:
    """GET /relayer/v1/account/transactions/{transaction_id}."""
    user, found = _relayer_user(call), call.state.relayed.get(call.names["transaction_id"])
    if found is None or found.sender != user.address:
        raise ApiError(404, "transaction not found")
    return answer(
        {
            "transaction_id": found.transaction_id,
            "transaction_hash": found.transaction_hash,
            "state": found.state,
            "error_msg": found.error or None,
            "from": found.sender,
            "created_at": shapes.iso(found.at_ms),
        }
    )


def list_transactions(call: Call) -> Response:
    """GET /relayer/transactions: the user's latest ones, newest first."""
    user = _relayer_user(call)
    rows = [known for known in call.state.relayed.values() if known.sender == user.address]
    return answer(
        [
            {
                "transactionID": row.transaction_id,
                "transactionHash": row.transaction_hash,
                "from": row.sender,
                "proxyAddress": user.wallet,
                "nonce": str(row.nonce),
                "signature": row.signature,
                "state": row.state,
                "metadata": row.metadata,
                "createdAt": shapes.iso(row.at_ms),
            }
            for row in reversed(rows[-_MOST_LISTED:])
        ]
    )


def get_nonce(call: Call) -> Response:
    """GET /relayer/v1/account/transactions/params: the nonce of the next transaction of a signer's wallet.

    What the venue says of a signer or a kind of wallet that is not the key's is not known: here it is refused.
    """
    user = _relayer_user(call)
    if call.parameter("address").lower() != user.address:
        raise ApiError(400, "invalid address")
    if KINDS.get(call.parameter("type")) != user.signature_type:
        raise ApiError(400, "invalid type")
    return answer({"address": user.wallet, "nonce": str(_next_nonce(call.state, user))})


def get_deployed(call: Call) -> Response:
    """GET /relayer/deployed: whether a wallet exists on the chain."""
    return answer({"deployed": call.parameter("address").lower() in call.state.by_wallet})


def _relayer_user(call: Call) -> User:
    """Whose relayer key this is."""
    headers = call.request.headers
    user = call.keys.relayer_user(headers.get("RELAYER_API_KEY", ""))
    if user is None or headers.get("RELAYER_API_KEY_ADDRESS", "").lower() != user.address:
        raise ApiError(401, "invalid authorization")
    return user


def _admit(state: ExchangeState) -> None:
    """Count a submit, whatever becomes of it. Raises the 429; one that is refused so does not count."""
    times = state.submits
    while times and times[0] <= state.now_ms - _MINUTE_MS:
        times.popleft()
    if len(times) >= SUBMITS_PER_MINUTE:
        raise ApiError(429, "quota exceeded", retry_after_s=-(-(times[0] + _MINUTE_MS - state.now_ms) // 1_000))
    times.append(state.now_ms)


def _next_nonce(state: ExchangeState, user: User) -> int:
    """What reverts, or never reaches the chain, uses no nonce."""
    return sum(known.sender == user.address and known.mined for known in state.relayed.values())


def _mine(state: ExchangeState, user: User, found: RelayerTransaction, asked: Relayed, at_ms: int) -> None:
    """Let the chain carry out all of its calls or none."""
    late = asked.deadline_s and at_ms >= asked.deadline_s * 1000
    if state.relaying.takes_invalid() or late:
        found.state, found.error = INVALID, "transaction deadline has passed" if late else "transaction was not mined"
        return
    wanted = [redemption_of(state, user, call) for call in asked.calls]
    if state.relaying.takes_failure() or not are_held(user, wanted):
        found.state, found.error, found.transaction_hash = FAILED, "execution reverted", state.new_hash()
        return
    for one in wanted:
        if one is not None:
            redeem(state, user, one[0], at_ms, one[1])
    found.state, found.mined, found.transaction_hash = "STATE_MINED", True, state.new_hash()
    state.plan(at_ms + state.relaying.confirmed_after_ms, lambda _: _confirm(found))


def _confirm(found: RelayerTransaction) -> None:
    found.state = CONFIRMED

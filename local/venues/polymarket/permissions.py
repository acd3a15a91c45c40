"""Who may place what, where and now (facts polymarket sections 2.3, 2.5 and 7)."""

from holdfast.core.market import Side
from local.venues.polymarket.accounts import User
from local.venues.polymarket.eip712 import CONTRACT_WALLET, DOMAINS, SignedOrder
from local.venues.polymarket.markets import Market
from local.venues.polymarket.messages import SendBody
from local.venues.polymarket.records import Order
from local.venues.polymarket.state import ExchangeState
from local.venues.polymarket.wire import ApiError

_BLOCKED = "Trading restricted in your region, please refer to available regions"


def market_of(state: ExchangeState, token_id: str) -> tuple[Market, int]:
    """The market and outcome of a token. Raises the 400."""
    found = state.by_token.get(token_id)
    if found is None:
        raise ApiError(400, "invalid token id")
    return found


def require_signature(user: User, api_key: str, body: SendBody, signed: SignedOrder, market: Market) -> None:
    """Raise where key, signer, maker or signature do not belong together.

    A contract wallet (type 3) is maker and signer itself and its owner's key signs for it; every other wallet's order
    names the key's address as its signer.
    """
    if body.owner != api_key:
        raise ApiError(400, "the order owner has to be the owner of the API KEY")
    wrapped = signed.signature_type == CONTRACT_WALLET
    if signed.signer.lower() != (user.wallet if wrapped else user.address):
        raise ApiError(400, "the order signer address has to be the address of the API KEY")
    if signed.maker.lower() != user.wallet or signed.signature_type != user.signature_type:
        raise ApiError(400, "maker address not allowed, please use the deposit wallet flow")
    signature = bytes.fromhex(body.order.signature[2:])
    if signed.signer_under(market.domain, signature) == user.address:
        return
    others = (domain for domain in DOMAINS.values() if domain.version != market.domain.version)
    if any(signed.signer_under(domain, signature) == user.address for domain in others):
        raise ApiError(400, "order_version_mismatch")
    raise ApiError(400, "invalid signature")


def require_open(state: ExchangeState, user: User, market: Market, order: Order) -> None:
    """Raise where this user can't place this order in this market now."""
    if state.geoblock.blocked and (state.blocks_sells or order.side is Side.BUY):
        raise ApiError(403, _BLOCKED)
    if user.banned:
        raise ApiError(400, f"'{user.address}' address banned")
    if user.closed_only and order.side is Side.BUY:
        raise ApiError(400, f"'{user.address}' address in closed only mode")
    if state.now_ms < market.spec.open_at_ms:
        raise ApiError(400, "the market is not yet ready to process new orders")
    if not market.is_open(state.now_ms):
        raise ApiError(400, f"the orderbook {order.token_id} does not exist")
    left_ms = state.modes.post_only_until_ms - state.now_ms
    if left_ms > 0 and not order.post_only:
        raise post_only_mode(left_ms)


def post_only_mode(left_ms: int) -> ApiError:
    """The two minutes after a restart."""
    seconds = -(-left_ms // 1_000)
    return ApiError(
        503,
        "post-only mode: only post-only orders and cancels are allowed",
        extra={"code": "post_only_mode", "retry_after_seconds": seconds},
        retry_after_s=seconds,
    )


def require_engine(state: ExchangeState, *, placing: bool) -> None:
    """Raise where the matching engine takes no orders, or no cancels either."""
    modes = state.modes
    left_ms = modes.restarting_until_ms - state.now_ms
    if left_ms > 0:
        raise ApiError(425, "service not ready", retry_after_s=-(-left_ms // 1_000))
    if modes.disabled:
        raise ApiError(503, "Trading is currently disabled. Check polymarket.com for updates")
    if modes.cancel_only and placing:
        raise ApiError(503, "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.")

"""Bodies of order requests, read into exact tickets (facts polymarket sections 2.1 and 4)."""

import re

import msgspec
from msgspec import Struct

from holdfast.core.market import Side
from local.venues.polymarket.eip712 import SignedOrder
from local.venues.polymarket.markets import AMOUNT_DECIMALS, Market
from local.venues.polymarket.records import OrderType
from local.venues.polymarket.wire import ONE, ApiError, TickError, plain, price_text

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_BYTES32 = re.compile(r"0x[0-9a-fA-F]{64}")
_HEX = re.compile(r"0x([0-9a-fA-F]{2})+")
_ORDER_ID = re.compile(r"0x[0-9a-fA-F]{64}")
_DIGITS = re.compile(r"\d{1,78}")
_MOST_ORDERS = 15
_MOST_CANCELS = 1_000
_SIZE_STEP = 10_000  # 2 decimals of a share or of a dollar, in micro units


class OrderBody(Struct, frozen=True, rename="camel"):
    """The signed order, and `expiration`, which is not signed."""

    salt: int
    maker: str
    signer: str
    token_id: str
    maker_amount: str
    taker_amount: str
    side: str
    signature_type: int
    timestamp: str
    builder: str
    signature: str
    expiration: str
    metadata: str = "0x" + "0" * 64


class SendBody(Struct, frozen=True, rename="camel"):
    """SendOrder."""

    order: OrderBody
    owner: str
    order_type: str = "GTC"
    defer_exec: bool = False
    post_only: bool = False


class _LegacyOrder(Struct, frozen=True, rename="camel"):
    """What tells an order of CLOB V1 apart."""

    nonce: str
    taker: str


class _LegacyBody(Struct, frozen=True):
    order: _LegacyOrder


class CancelBody(Struct, frozen=True, rename={"order_id": "orderID"}):
    """DELETE /order."""

    order_id: str


class MarketCancelBody(Struct, frozen=True):
    """DELETE /cancel-market-orders; empty fields ask for everything."""

    market: str = ""
    asset_id: str = ""


class Terms(Struct, frozen=True):
    """What an order asks for, in terms of its own token. `budget` is the money of a market buy, else 0."""

    side: Side
    price: int
    size: int
    budget: int


def send_body(raw: bytes) -> SendBody:
    """One order. Raises the 400."""
    try:
        return _checked(msgspec.json.decode(raw, type=SendBody))
    except msgspec.MsgspecError:
        raise _refused(raw) from None


def send_bodies(raw: bytes) -> list[SendBody]:
    """1 to 15 orders. Raises the 400."""
    try:
        bodies = msgspec.json.decode(raw, type=list[SendBody])
    except msgspec.MsgspecError:
        raise invalid_payload() from None
    if not bodies:
        raise invalid_payload()
    if len(bodies) > _MOST_ORDERS:
        raise ApiError(400, f"Too many orders in payload: {len(bodies)}, max allowed: {_MOST_ORDERS}")
    return [_checked(body) for body in bodies]


def cancel_body(raw: bytes) -> str:
    """The id of one order. Raises the 400."""
    try:
        return order_id(msgspec.json.decode(raw, type=CancelBody).order_id)
    except msgspec.MsgspecError:
        raise invalid_payload() from None


def cancel_bodies(raw: bytes) -> list[str]:
    """1 to 1000 ids. Raises the 400."""
    try:
        found = msgspec.json.decode(raw, type=list[str])
    except msgspec.MsgspecError:
        raise invalid_payload() from None
    if not found:
        raise invalid_payload()
    if len(found) > _MOST_CANCELS:
        raise ApiError(400, f"Too many orders in payload, max allowed: {_MOST_CANCELS}")
    return [order_id(text) for text in dict.fromkeys(found)]


def market_cancel_body(raw: bytes) -> MarketCancelBody:
    """Which orders to cancel. Raises the 400."""
    try:
        return msgspec.json.decode(raw or b"{}", type=MarketCancelBody)
    except msgspec.MsgspecError:
        raise invalid_payload() from None


def order_id(text: str) -> str:
    """An order id in lower case. Raises the 400."""
    if not _ORDER_ID.fullmatch(text):
        raise ApiError(400, "Invalid orderID")
    return text.lower()


def signed_order(body: OrderBody) -> SignedOrder:
    """The signed fields."""
    return SignedOrder(
        salt=body.salt,
        maker=body.maker,
        signer=body.signer,
        token_id=int(body.token_id),
        maker_amount=int(body.maker_amount),
        taker_amount=int(body.taker_amount),
        side=0 if body.side == "BUY" else 1,
        signature_type=body.signature_type,
        timestamp=int(body.timestamp),
        metadata=bytes.fromhex(body.metadata[2:]),
        builder=bytes.fromhex(body.builder[2:]),
    )


def terms(body: SendBody, market: Market, identity: str) -> Terms:
    """Price and size out of the amounts. Raises the 400 for a price off the grid or amounts too fine."""
    order, kind = body.order, OrderType(body.order_type)
    side = Side.BUY if order.side == "BUY" else Side.SELL
    made, taken = int(order.maker_amount), int(order.taker_amount)
    money, size = (made, taken) if side is Side.BUY else (taken, made)
    price = _limit(money, size) if kind.rests else _worst(side, money, size, market.tick)
    if price is None or not market.accepts(price):
        shown = plain(money * 10**8 // size, 8)
        words = f"order {identity} is invalid. Price ({shown}) breaks minimum tick size rule: {price_text(market.tick)}"
        raise TickError(400, words)
    _require_accuracy(kind, side, made, taken, AMOUNT_DECIMALS[market.tick])
    return Terms(side, price, size, money * ONE if side is Side.BUY and not kind.rests else 0)


def _limit(money: int, size: int) -> int | None:
    """The price of a limit order is exact."""
    price, rest = divmod(money * ONE, size)
    return None if rest else price


def _worst(side: Side, money: int, size: int, tick: int) -> int | None:
    """The price that a market order was made at: its client rounded the shares of a buy, or the money of a sell, down
    to the decimals of the tick. None where the amounts are further off."""
    fine = 10 ** (6 - AMOUNT_DECIMALS[tick])
    if side is Side.BUY:
        price = money * ONE // size // tick * tick
        return price if money * ONE <= price * (size + fine) else None
    price = -(-money * ONE // (size * tick)) * tick
    return price if price * size <= (money + fine) * ONE else None


def invalid_payload() -> ApiError:
    """A body that can't be read."""
    return ApiError(400, "Invalid order payload")


def _require_accuracy(kind: OrderType, side: Side, made: int, taken: int, decimals: int) -> None:
    """Sizes have 2 decimals, money as many as the tick allows; a market buy's dollars have 2, its shares more."""
    fine = 10 ** (6 - decimals)
    shares_taken = side is Side.BUY and kind.rests
    step_made, step_taken = (fine, _SIZE_STEP) if shares_taken else (_SIZE_STEP, fine)
    if made % step_made or taken % step_taken:
        name = "limit" if kind.rests else "market"
        first, second = (decimals, 2) if shares_taken else (2, decimals)
        raise ApiError(
            400,
            f"invalid amounts, the {name} {side.value} orders maker amount supports a max accuracy of {first} "
            f"decimals, taker amount a max of {second} decimals",
        )


def _checked(body: SendBody) -> SendBody:
    order = body.order
    amounts = (order.maker_amount, order.taker_amount, order.token_id, order.timestamp, order.expiration)
    formed = (
        all(_DIGITS.fullmatch(text) for text in amounts)
        and all(_ADDRESS.fullmatch(text) for text in (order.maker, order.signer))
        and all(_BYTES32.fullmatch(text) for text in (order.metadata, order.builder))
        and _HEX.fullmatch(order.signature)
        and order.side in ("BUY", "SELL")
        and order.signature_type in (0, 1, 2, 3)
        and order.salt >= 0
        and body.order_type in list(OrderType)
        and int(order.maker_amount) > 0
        and int(order.taker_amount) > 0
    )
    if not formed or (body.post_only and not OrderType(body.order_type).rests):
        raise invalid_payload()
    return body


def _refused(raw: bytes) -> ApiError:
    """An order of CLOB V1 is told so (facts polymarket section 1)."""
    try:
        msgspec.json.decode(raw, type=_LegacyBody)
    except msgspec.MsgspecError:
        return invalid_payload()
    return ApiError(400, "order_version_mismatch")

"""An order as Polymarket takes it: amounts, signature, order id and the exact bytes of the request's part.

Prices are 0.0001, sizes 0.000001 shares. Shares and pUSD have six decimals on the chain and every tick is a multiple of
0.0001, so price x size is exact; an order's size has two decimals at most (facts polymarket section 4).
"""

import hashlib
from functools import lru_cache

import msgspec
from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.orders import Placement, TimeInForce
from holdfast.core.scale import Scale
from holdfast.venues.polymarket.signer import SignatureType, Signer
from holdfast.venues.polymarket.typed_data import (
    ORDER_TYPE,
    POLYGON,
    ZERO_WORD,
    OrderHasher,
    checksum_address,
    domain_separator,
    exchange_of,
    token_number,
    typed_digest,
)

SCALE = Scale(price_decimals=4, size_decimals=6)
SIZE_STEP = SCALE.size("0.01")
_CENT = 10_000  # of pUSD, in its millionths
# An order ends a minute before the expiry that it states, which must be three minutes ahead (facts polymarket section
# 4). We state a minute more, so that it ends when we mean it to; the rest is the way to the venue.
GTD_EARLY_MS = 60_000
SHORTEST_EXPIRY_MS = 125_000
_SALT_BITS = 53  # a JSON number that every reader keeps exact
_POST_ONLY = ',"postOnly":true'
_ZERO = "0x" + ZERO_WORD.hex()
_NESTED_TAIL = (ORDER_TYPE + len(ORDER_TYPE).to_bytes(2, "big")).hex()
_IMMEDIATE = {TimeInForce.IMMEDIATE: "FAK", TimeInForce.ALL_OR_NOTHING: "FOK"}


class Amounts(Struct, frozen=True):
    """What is given and what is asked for: millionths of pUSD and of shares."""

    maker: int
    taker: int


class WireOrder(Struct, frozen=True):
    """One signed order: its id at the venue, and its JSON text."""

    order_id: str
    body: str


def salt_of(client_order_id: str) -> int:
    """A salt that is the same for the same identity. Not a secret: it only keeps two equal orders apart."""
    return int.from_bytes(hashlib.sha256(client_order_id.encode()).digest()[:7], "big") >> (56 - _SALT_BITS)


def amounts_of(side: Side, price: int, size: int, tick: int, *, budgeted: bool) -> Amounts:
    """The two amounts of an order. `price` is a multiple of `tick`, `size` is cut to two decimals.

    `budgeted`: an immediate buy is stated in whole cents of pUSD, so it spends at most price x size and, where it
    fills better than its price, buys more shares than `size`. Every other order is stated in shares. Raises
    InvalidInputError where rounding would let a buy pay more than its price.
    """
    shares = size - size % SIZE_STEP
    money = shares * price // SCALE.one
    if side is Side.SELL:
        return Amounts(shares, money)
    if not budgeted:
        return Amounts(money, shares)
    budget = money - money % _CENT
    bought = budget * SCALE.one // price
    amounts = Amounts(budget, bought - bought % _amount_step(tick))
    if amounts.maker * SCALE.one >= amounts.taker * (price + 1):
        raise InvalidInputError("size", size, "a size at which rounding leaves an immediate buy's price as it is")
    return amounts


@lru_cache
def _amount_step(tick: int) -> int:
    """The finest step of the second amount, in millionths: two decimals more than the tick has (facts section 4)."""
    return next(10**zeros for zeros in (3, 2, 1, 0) if tick % 10**zeros == 0)


def order_type_of(time_in_force: TimeInForce, expires_at_ms: int) -> str:
    """FAK or FOK for immediate orders; resting ones are GTD where they expire, else GTC."""
    return _IMMEDIATE.get(time_in_force) or ("GTD" if expires_at_ms else "GTC")


def stated_expiry_s(expires_at_ms: int) -> int:
    """The expiry that makes an order end at that time; 0 is never."""
    return (expires_at_ms + GTD_EARLY_MS) // 1000 if expires_at_ms else 0


def meant_expiry_ms(stated_s: int) -> int:
    """When an order with this stated expiry ends; 0 is never."""
    return max(stated_s * 1000 - GTD_EARLY_MS, 1) if stated_s else 0


class OrderBuilder:
    """Builds and signs the orders of one account.

    `wallet` holds the money: the key's own address with signature type 0. `owner` is the API key's id, `builder` the
    32 bytes that attribute orders to a builder.
    """

    def __init__(
        self,
        signer: Signer,
        owner: str,
        *,
        wallet: str = "",
        signature_type: SignatureType = SignatureType.EOA,
        builder: bytes = ZERO_WORD,
        chain_id: int = POLYGON,
    ) -> None:
        self._signer = signer
        self._chain_id = chain_id
        self._nested = signature_type is SignatureType.DEPOSIT_WALLET
        maker = checksum_address(wallet or signer.address)
        if signature_type is SignatureType.EOA and maker != signer.address:
            raise InvalidInputError(
                "wallet", wallet, f"the signing key's own address {signer.address}, or another type"
            )
        named = maker if self._nested else signer.address
        self._hasher = OrderHasher(maker, named, signature_type, builder, chain_id)
        # The text around what changes, in the SDK's order of keys.
        self._start = f'{{"deferExec":false,"order":{{"builder":"0x{builder.hex()}","expiration":"'
        self._maker = f'","maker":"{maker}","makerAmount":"'
        self._metadata = f'","metadata":"{_ZERO}","salt":'
        self._signature_type = f'","signatureType":{int(signature_type)},"signer":"{named}","takerAmount":"'
        self._owner = f'","owner":{msgspec.json.encode(owner).decode()}'

    def build(self, placement: Placement, tick: int, timestamp_ms: int, *, neg_risk: bool) -> WireOrder:
        """The signed order of a placement.

        Raises InvalidInputError where nothing would be given or asked for, SigningError where it can't be signed.
        """
        target = placement.target
        budgeted = target.time_in_force is not TimeInForce.RESTING
        amounts = amounts_of(target.side, target.price, target.size, tick, budgeted=budgeted)
        if amounts.maker <= 0 or amounts.taker <= 0:
            raise InvalidInputError("size", target.size, "a size that is worth at least one unit of money")
        return self.sign(
            market=target.market,
            side=target.side,
            amounts=amounts,
            order_type=order_type_of(target.time_in_force, target.expires_at_ms),
            expires_at_s=0 if budgeted else stated_expiry_s(target.expires_at_ms),
            post_only=target.post_only and not budgeted,
            salt=salt_of(placement.client_order_id),
            timestamp_ms=timestamp_ms,
            neg_risk=neg_risk,
        )

    def sign(
        self,
        *,
        market: str,
        side: Side,
        amounts: Amounts,
        order_type: str,
        expires_at_s: int,
        post_only: bool,
        salt: int,
        timestamp_ms: int,
        neg_risk: bool,
    ) -> WireOrder:
        """Hash, sign and write one order. Expiry, type and post-only are not part of what is signed.

        Raises SigningError.
        """
        token = token_number(market)
        contents = self._hasher.contents_hash(
            salt, token, amounts.maker, amounts.taker, int(side is Side.SELL), timestamp_ms
        )
        domain = domain_separator(exchange_of(token, neg_risk=neg_risk), self._chain_id)
        order_hash = typed_digest(domain, contents)
        signature = self._signature(domain, contents, order_hash)
        body = (
            f"{self._start}{expires_at_s}{self._maker}{amounts.maker}{self._metadata}{salt}"
            f',"side":"{side.upper()}","signature":"0x{signature}{self._signature_type}{amounts.taker}'
            f'","timestamp":"{timestamp_ms}","tokenId":"{market}"}},"orderType":"{order_type}{self._owner}'
            f"{_POST_ONLY if post_only else ''}}}"
        )
        return WireOrder("0x" + order_hash.hex(), body)

    def _signature(self, domain: bytes, contents: bytes, order_hash: bytes) -> str:
        if not self._nested:
            return self._signer.sign_digest(order_hash).hex()
        signature = self._signer.sign_digest(typed_digest(domain, self._hasher.nested_hash(contents)))
        return (signature + domain + contents).hex() + _NESTED_TAIL

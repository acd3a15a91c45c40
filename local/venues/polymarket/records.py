"""What the exchange keeps: orders, trades and their parts. Integers of SCALE, times UTC ms."""

from enum import StrEnum

from msgspec import Struct

from holdfast.core.market import Side


class Credentials(Struct, frozen=True):
    """One API key as the venue hands it out. `secret` is URL-safe base64."""

    api_key: str
    secret: str
    passphrase: str


class OrderType(StrEnum):
    """How long an order may rest."""

    GTC = "GTC"
    GTD = "GTD"
    FOK = "FOK"
    FAK = "FAK"

    @property
    def rests(self) -> bool:
        """Whether what does not match at once stays in the book."""
        return self in (OrderType.GTC, OrderType.GTD)


class EndReason(StrEnum):
    """Why an order rests no more."""

    TRADE = "trade"
    CANCEL = "cancel"
    UNFILLED = "unfilled"
    EXPIRY = "expiry"
    HEARTBEAT = "heartbeat"
    SELF_TRADE = "self_trade"
    BALANCE = "balance"
    CLOSE = "close"
    RESOLUTION = "resolution"


_STATUS = {EndReason.TRADE: "MATCHED", EndReason.BALANCE: "INVALID", EndReason.RESOLUTION: "CANCELED_MARKET_RESOLVED"}


class Order(Struct):
    """One order, open or over. Side and price are those of its own token.

    `budget` is the money of a market buy (0: its size counts). `delayed`: held back before matching, not cancellable.
    """

    order_id: str
    user: str
    api_key: str
    maker: str
    market: str
    outcome: int
    token_id: str
    side: Side
    price: int
    size: int
    order_type: OrderType
    sequence: int
    created_at_ms: int
    updated_at_ms: int
    budget: int = 0
    expiration_s: int = 0
    post_only: bool = False
    delayed: bool = False
    matched: int = 0
    trades: tuple[str, ...] = ()
    end: EndReason | None = None

    @property
    def remaining(self) -> int:
        """What may still match; 0 once it is over."""
        return 0 if self.end else self.size - self.matched

    @property
    def reserved(self) -> int:
        """What it holds back: money of a buy, shares of a sell."""
        if self.side is Side.SELL:
            return self.remaining
        return self.budget if self.budget and not self.end else self.remaining * self.price

    @property
    def status(self) -> str:
        """Its state on the wire."""
        if self.end is not None:
            return _STATUS.get(self.end, "CANCELED")
        return "DELAYED" if self.delayed else "LIVE"


class TradeStatus(StrEnum):
    """Where the settlement of a trade is. CONFIRMED and FAILED are final."""

    MATCHED = "MATCHED"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    RETRYING = "RETRYING"
    FAILED = "FAILED"


class Part(Struct, frozen=True):
    """One order's part of a trade, in terms of its own token. `user` is empty for the rest of the world."""

    user: str
    order_id: str
    api_key: str
    maker: str
    outcome: int
    token_id: str
    side: Side
    price: int
    size: int
    fee: int = 0

    @property
    def cash_change(self) -> int:
        """What it moves in money."""
        value = self.price * self.size
        return -value - self.fee if self.side is Side.BUY else value - self.fee

    @property
    def token_change(self) -> int:
        """What it moves in shares of its token."""
        return self.size if self.side is Side.BUY else -self.size


class Trade(Struct):
    """One match: a taker at one price, and the makers that it met there. `fails`: it will not settle."""

    trade_id: str
    sequence: int
    market: str
    taker: Part
    makers: tuple[Part, ...]
    matched_at_ms: int
    updated_at_ms: int
    status: TradeStatus = TradeStatus.MATCHED
    transaction_hash: str = ""
    bucket: int = 0
    fails: bool = False

    @property
    def parts(self) -> tuple[Part, ...]:
        """Everyone's part."""
        return (self.taker, *self.makers)


class Redemption(Struct, frozen=True):
    """What a wallet got for the tokens of a resolved market. `sizes` by outcome."""

    market: str
    sizes: tuple[int, int]
    payout: int
    at_ms: int


class RelayerTransaction(Struct):
    """A submitted transaction. `mined`: it took effect on the chain; `error` is why it did not."""

    transaction_id: str
    sender: str
    at_ms: int
    nonce: int
    metadata: str
    signature: str
    calls: int
    state: str = "STATE_NEW"
    transaction_hash: str = ""
    mined: bool = False
    error: str = ""


class MissCause(StrEnum):
    """Why a cancel named an order that it could not cancel. The wire has one sentence for all of them."""

    MATCHED = "matched"
    CANCELED = "canceled"
    ENDED_BY_EXCHANGE = "ended_by_exchange"
    DELAYED = "delayed"
    NEVER_EXISTED = "never_existed"
    IGNORED = "ignored"


class Miss(Struct, frozen=True):
    """A cancel that was answered not_canceled, and why."""

    user: str
    order_id: str
    cause: MissCause
    at_ms: int


def cause_of(order: Order | None) -> MissCause | None:
    """Why an order can't be canceled; None where it can."""
    if order is None:
        return MissCause.NEVER_EXISTED
    if order.delayed and order.end is None:
        return MissCause.DELAYED
    if order.end is None:
        return None
    if order.end is EndReason.TRADE:
        return MissCause.MATCHED
    return MissCause.CANCELED if order.end is EndReason.CANCEL else MissCause.ENDED_BY_EXCHANGE

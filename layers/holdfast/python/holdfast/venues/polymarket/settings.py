"""Which Polymarket account is meant, where its API is, and what its tier allows (facts polymarket sections 2, 3, 7)."""

from msgspec import Struct

from holdfast.core.capabilities import Bucket, CancelAck, Capabilities, Costs, Identity, Replace
from holdfast.core.errors import InvalidInputError
from holdfast.venues.origin import checked_origin
from holdfast.venues.polymarket.fees import HIGHEST_RATES
from holdfast.venues.polymarket.order import SCALE, SHORTEST_EXPIRY_MS
from holdfast.venues.polymarket.signer import SignatureType
from holdfast.venues.polymarket.typed_data import POLYGON, ZERO_WORD, bytes_word

CLOB_HOST = "https://clob.polymarket.com"
DATA_HOST = "https://data-api.polymarket.com"
SITE_HOST = "https://polymarket.com"
GAMMA_HOST = "https://gamma-api.polymarket.com"
RELAYER_HOST = "https://relayer-v2.polymarket.com"
LOCAL_DATA_PATH = "/data-api"
LOCAL_SITE_PATH = "/site"
LOCAL_GAMMA_PATH = "/gamma"
LOCAL_RELAYER_PATH = "/relayer"
READ_BUCKET = "read"
WRITE_BUCKET = "write"
MOST_PLACED = 15
MOST_CANCELED = 1_000
BOOKS_PER_CALL = 100  # the most is not documented
# A cancel is one token and an order two, because the venue grants half as many orders as cancels a second.
ORDER_COST, CANCEL_COST = 2, 1
READ_COST, LIST_COST, BALANCE_COST, REFRESH_COST = 1, 2, 5, 20
MARKET_LIST_COST = 4  # Gamma's markets: 300 requests in 10 s
# Lists: 500 requests in 10 s. A full bucket and ten seconds of refill together stay below 90 % of that.
_READS = Bucket(READ_BUCKET, refill=60, capacity=300)
# New orders were seen to be missing from lists for up to 8 s (facts polymarket section 1.2).
READ_LAG_MS = 8_000
# After an engine restart (facts polymarket section 2.5).
POST_ONLY_MS = 120_000
# Cancels a second and their burst, by the venue's name of the tier.
TIERS = {
    "standard": (80, 120),
    "copper": (120, 180),
    "bronze": (160, 240),
    "silver": (400, 600),
    "gold": (800, 1_200),
    "platinum": (900, 1_350),
    "diamond": (1_050, 1_575),
    "elite": (1_200, 1_800),
}


class PolymarketSettings(Struct, frozen=True):
    """One account at Polymarket.

    `wallet` holds the money; empty means the key's own address, which only signature type 0 has. `base_url` replaces
    the CLOB's host, `data_url` the data API's and `gamma_url` that of the market lists (of a local server: base_url and
    their paths); plain http is accepted to loopback only. `builder` attributes orders to a builder: 0x and 64
    hexadecimal digits.
    """

    account: str
    wallet: str = ""
    signature_type: SignatureType = SignatureType.EOA
    chain_id: int = POLYGON
    base_url: str = ""
    data_url: str = ""
    gamma_url: str = ""
    builder: str = ""
    tier: str = "standard"

    def __post_init__(self) -> None:
        if not self.account:
            raise InvalidInputError("account", self.account, "a non-empty account id")
        if self.tier not in TIERS:
            raise InvalidInputError("tier", self.tier, ", ".join(TIERS))
        if self.signature_type is not SignatureType.EOA and not self.wallet:
            raise InvalidInputError("wallet", self.wallet, "the address of the wallet that holds the money")

    @property
    def builder_word(self) -> bytes:
        """The builder's 32 bytes, zero for none."""
        return bytes_word(self.builder, "builder") if self.builder else ZERO_WORD

    @property
    def clob_origin(self) -> str:
        """Scheme, host and port of the CLOB. Raises InvalidInputError on a bad base_url."""
        return checked_origin(self.base_url) if self.base_url else CLOB_HOST

    @property
    def data_origin(self) -> str:
        """Where the data API's paths start. Raises InvalidInputError on a bad data_url."""
        if self.data_url:
            return checked_origin(self.data_url)
        return self.clob_origin + LOCAL_DATA_PATH if self.base_url else DATA_HOST

    @property
    def gamma_origin(self) -> str:
        """Where the paths of Gamma, the market lists, start. Raises InvalidInputError on a bad gamma_url."""
        if self.gamma_url:
            return checked_origin(self.gamma_url)
        return self.clob_origin + LOCAL_GAMMA_PATH if self.base_url else GAMMA_HOST

    @property
    def site_origin(self) -> str:
        """Where the site's paths start: of a local server, below base_url."""
        return self.clob_origin + LOCAL_SITE_PATH if self.base_url else SITE_HOST

    @property
    def relayer_origin(self) -> str:
        """Where the relayer's paths start: of a local server, below base_url."""
        return self.clob_origin + LOCAL_RELAYER_PATH if self.base_url else RELAYER_HOST


def capabilities_of(tier: str) -> Capabilities:
    """What an account of this tier can do. The venue counts orders, not requests, against its limits."""
    refill, burst = TIERS[tier]
    return Capabilities(
        scale=SCALE,
        netting=False,
        post_only=True,
        batch_create=MOST_PLACED,
        batch_cancel=min(MOST_CANCELED, burst),
        write_bucket=Bucket(WRITE_BUCKET, refill=refill, capacity=burst),
        read_bucket=_READS,
        costs=Costs(create=ORDER_COST, cancel=CANCEL_COST, amend=0, decrease=0, read=LIST_COST),
        cancel_ack=CancelAck.FINAL,
        replace=Replace.NONE,
        decrease=False,
        reserves_sells=True,
        native_bracket=False,
        states_as_of=False,
        as_of_slack_ms=0,
        read_lag_ms=READ_LAG_MS,
        books_per_call=BOOKS_PER_CALL,
        identity=Identity.HASH,
        shortest_expiry_ms=SHORTEST_EXPIRY_MS,
        # "invalid amount for a marketable BUY order, min size: $1" (facts polymarket section 2.3).
        least_taking_buy=SCALE.money("1"),
        post_only_after_restart_ms=POST_ONLY_MS,
        fees=HIGHEST_RATES,
    )

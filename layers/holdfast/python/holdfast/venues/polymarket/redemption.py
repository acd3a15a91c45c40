"""Redeeming resolved positions of one Polymarket account without gas (facts polymarket sections 2, 7 and 8).

The transaction is our own code's, like an order: what became of it, and whether it is sent again, must be ours to
decide. Only wallets whose requests are proved equal to the official SDK's are served.
"""

from collections import defaultdict
from contextlib import suppress

import msgspec
from msgspec import Struct

from holdfast.clock import Clock
from holdfast.core.capabilities import Bucket
from holdfast.core.errors import SigningError, VenueRefusedError, VenueUnavailableError
from holdfast.core.redemption import (
    Holding,
    Redeemable,
    Redemption,
    RedemptionRead,
    RedemptionStatus,
    SignedRedemption,
    SubmitOutcome,
)
from holdfast.venues.polymarket.client import PolymarketClient
from holdfast.venues.polymarket.contract_calls import (
    ContractCall,
    condition_of,
    redeem_condition,
    redeem_position,
)
from holdfast.venues.polymarket.holdings import held_size, holding_rows, is_resolved, settled_price
from holdfast.venues.polymarket.relay_request import deposit_wallet_request, safe_request
from holdfast.venues.polymarket.relayer import Relayer
from holdfast.venues.polymarket.settings import PolymarketSettings
from holdfast.venues.polymarket.signer import SignatureType, Signer
from holdfast.venues.polymarket.typed_data import POLYGON, is_position_id, token_number
from holdfast.venues.polymarket.wire import HoldingRow

# 25 submits a minute, of which we use at most 22: seven at once beside the reserve, and one every four seconds.
SUBMIT_COST = 60
SUBMITS = Bucket("redeem", refill=15, capacity=600)
# As long as the official SDK gives a batch; the wallet refuses it afterwards.
_DEADLINE_S = 600
# How much later than its deadline the chain's clock could still let it pass.
_SLACK_MS = 60_000
# A Safe's transaction has no deadline. A later attempt carries the same nonce, so that both can never take effect.
_SAFE_PATIENCE_MS = 900_000

_ON_THE_SITE = "redeem it on polymarket.com"


class _SignedBody(Struct, frozen=True):
    """What of a request we sent names it in the relayer's list."""

    signature: str


_SIGNED = msgspec.json.Decoder(_SignedBody)


class PolymarketRedeemer:
    """One account's redemptions (`holdfast.venues.port.Redeems`, which documents the methods).

    Without a relayer key, and for wallets that the relayer does not serve or whose requests we can't prove, `obstacle`
    says why nothing is ever submitted.
    """

    bucket, cost = SUBMITS, SUBMIT_COST

    def __init__(
        self,
        settings: PolymarketSettings,
        signer: Signer,
        client: PolymarketClient,
        relayer: Relayer | None,
        clock: Clock,
    ) -> None:
        self._settings, self._signer, self._client, self._relayer = settings, signer, client, relayer
        self._clock = clock
        self._wallet = settings.wallet or signer.address
        self._rows: dict[str, list[HoldingRow]] = {}

    @property
    def obstacle(self) -> str:
        """See the port."""
        kind = self._settings.signature_type
        if kind is SignatureType.EOA:
            return f"signature type 0 pays its own gas, the relayer does not serve it: {_ON_THE_SITE}"
        if kind is SignatureType.PROXY:
            return f"the gas of signature type 1 must be estimated on the chain, which is not built: {_ON_THE_SITE}"
        if self._settings.chain_id != POLYGON:
            return "the contracts' addresses are known for Polygon only"
        if self._relayer is None:
            return (
                "the account's secret has no relayer_api_key: make one on polymarket.com (Settings, API Keys), "
                f"or {_ON_THE_SITE}"
            )
        return ""

    def redeemable(self) -> list[Redeemable]:
        """See the port. A holding of the old protocol whose condition the data API does not name raises an error."""
        rows: defaultdict[str, list[HoldingRow]] = defaultdict(list)
        for row in holding_rows(self._client, self._wallet):
            if is_resolved(row) and held_size(row):
                rows[_condition(row)].append(row)
        self._rows = dict(rows)
        return [
            Redeemable(condition, tuple(Holding(row.token_id, held_size(row), _payout(row)) for row in of_condition))
            for condition, of_condition in sorted(rows.items())
        ]

    def prepare(self, wanted: Redeemable, identity: str) -> SignedRedemption:
        """See the port. Raises InvalidInputError for a position id that names no outcome."""
        try:
            return self._signed(wanted, identity)
        except SigningError as error:
            raise VenueUnavailableError(f"{wanted.condition}: not signed: {error}") from error

    def _signed(self, wanted: Redeemable, identity: str) -> SignedRedemption:
        calls = _calls(self._rows.get(wanted.condition, []))
        if not calls:
            raise VenueUnavailableError(f"{wanted.condition}: its holdings were not read by redeemable() before")
        now_ms = self._clock.now_ms()
        if self._settings.signature_type is SignatureType.SAFE:
            body = safe_request(
                self._signer,
                self._wallet,
                calls,
                nonce=self._known_relayer.nonce("SAFE"),
                chain_id=self._settings.chain_id,
                metadata=identity,
            )
            return SignedRedemption(body, now_ms + _SAFE_PATIENCE_MS)
        deadline_s = now_ms // 1000 + _DEADLINE_S
        body = deposit_wallet_request(
            self._signer,
            self._wallet,
            calls,
            nonce=self._known_relayer.nonce("WALLET"),
            deadline_s=deadline_s,
            chain_id=self._settings.chain_id,
            metadata=identity,
        )
        return SignedRedemption(body, deadline_s * 1000 + _SLACK_MS)

    def submit(self, signed: SignedRedemption, deadline_ms: int) -> SubmitOutcome:
        """See the port."""
        return self._known_relayer.submit(signed.body, deadline_ms)

    def look_up(self, record: Redemption) -> RedemptionRead:
        """See the port. Without an id the relayer's list is asked; where that shows nothing, only time decides."""
        if record.transaction_id:
            with suppress(VenueRefusedError):  # it does not know its own id: the list and time decide
                return self._known_relayer.transaction(record.transaction_id)
        found = self._known_relayer.find(record.identity, _SIGNED.decode(record.body).signature)
        if found is not None:
            return found
        late = self._clock.now_ms() >= record.void_after_ms
        return RedemptionRead(RedemptionStatus.VOID if late else RedemptionStatus.UNKNOWN)

    @property
    def _known_relayer(self) -> Relayer:
        if self._relayer is None or self.obstacle:
            raise VenueUnavailableError(self.obstacle)
        return self._relayer


def _condition(row: HoldingRow) -> str:
    """The id that names the condition to the contracts: 31 bytes in the new protocol, 32 in the old one."""
    token = token_number(row.token_id)
    if is_position_id(token):
        return condition_of(token)
    if not row.condition_id:
        raise VenueUnavailableError(f"position {row.token_id}: the data API names no condition")
    return row.condition_id.lower()


def _payout(row: HoldingRow) -> int:
    return held_size(row) * settled_price(row)


def _calls(rows: list[HoldingRow]) -> list[ContractCall]:
    """One call redeems a condition of the old protocol; in the new one each outcome takes its own."""
    calls = []
    for row in rows:
        token = token_number(row.token_id)
        if not is_position_id(token):
            return [redeem_condition(_condition(row), neg_risk=row.negative_risk)]
        calls.append(redeem_position(token, held_size(row)))
    return calls

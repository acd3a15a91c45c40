"""Put the parts of one account together: the only place that chooses adapters."""

import re
import secrets as system_random
from collections.abc import Callable
from typing import TYPE_CHECKING

from holdfast.clock import Clock
from holdfast.core.errors import InvalidInputError, StoreError
from holdfast.core.fees import FeeRates
from holdfast.core.scale import Scale
from holdfast.jobs.ports import Ports
from holdfast.jobs.throttle import Throttle
from holdfast.state.accounts import Account, Secrets
from holdfast.state.markets import load_strategy
from holdfast.state.parameters import Parameters
from holdfast.state.port import Store
from holdfast.state.switches import EverybodysSwitches, SwitchBoard
from holdfast.telemetry.port import Telemetry
from holdfast.venues.port import Meter, Redeems, Venue

if TYPE_CHECKING:
    from holdfast.venues.kalshi.hosts import KalshiSettings
    from holdfast.venues.polymarket.settings import PolymarketSettings
    from holdfast.venues.polymarket.signer import Signer
    from holdfast.venues.transport import Transport

_POLYMARKET_FIELDS = ("api_key", "api_secret", "api_passphrase")
KMS_KEY = "kms_key"
"""The option of a Polymarket account whose wallet's key is in AWS KMS: the key's id or ARN, no alias, since the
permission to sign names the key itself."""
_KMS_KEY = re.compile(
    r"(arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):\d{12}:key/)?"
    r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
)


def system_jitter() -> int:
    """0 to 999, for back-offs of real writers."""
    return system_random.randbelow(1000)


def assemble(
    account: Account,
    *,
    stage: str,
    store: Store,
    parameters: Parameters,
    secrets: Secrets,
    clock: Clock,
    telemetry: Telemetry,
    writer: str,
    jitter: Callable[[], int] = system_jitter,
    everybody: EverybodysSwitches | None = None,
    transport: "Transport | None" = None,
) -> Ports:
    """The ports of one writer for one account. Nothing is sent yet; keys are read once from `secrets`.

    `everybody` and `transport` are what accounts of one process share: the switches that hold for all of them, and the
    connections to the venues. Without them the account has its own.
    """
    transport = transport or open_transport()
    throttle = Throttle(store, account.account_id, clock, telemetry, jitter)
    signer = open_signer(account, secrets)
    return Ports(
        venue=open_venue(account, secrets, clock, throttle, signer, transport),
        store=store,
        switches=SwitchBoard(parameters, stage, account.account_id, clock, store, everybody),
        telemetry=telemetry,
        throttle=throttle,
        writer=writer,
        load_strategy=load_strategy,
        redeemer=open_redeemer(account, secrets, clock, throttle, signer, transport),
    )


def open_transport() -> "Transport":
    """Connections to venues, of whichever accounts: what tells these apart is in each request."""
    from holdfast.venues.transport import RequestsTransport

    return RequestsTransport()


def open_venue(
    account: Account,
    secrets: Secrets,
    clock: Clock,
    meter: Meter,
    signer: "Signer | None" = None,
    transport: "Transport | None" = None,
) -> Venue:
    """The account's venue adapter. Each venue's package is imported only where an account needs it (cold start).

    `signer` is the account's, where `open_signer` has opened it already. Without `transport` it has connections of its
    own.
    """
    transport = transport or open_transport()
    if account.venue == "kalshi":
        from holdfast.venues.kalshi.adapter import KalshiVenue
        from holdfast.venues.kalshi.auth import Signer

        key_id, private_key = _credentials(secrets, account.secret_name, "key_id", "private_key")
        return KalshiVenue(_kalshi_settings(account), Signer(key_id, private_key), transport, clock, meter)
    if account.venue == "polymarket":
        from holdfast.venues.polymarket.adapter import PolymarketVenue
        from holdfast.venues.polymarket.headers import ApiCredentials

        return PolymarketVenue(
            _polymarket_settings(account),
            signer or polymarket_signer(account, secrets),
            ApiCredentials(*_credentials(secrets, account.secret_name, *_POLYMARKET_FIELDS)),
            transport,
            clock,
            meter,
        )
    raise InvalidInputError(f"venue of account {account.account_id}", account.venue, "kalshi or polymarket")


def open_signer(account: Account, secrets: Secrets) -> "Signer | None":
    """What signs for the account's wallet, as `polymarket_signer`; None where the venue knows no wallets."""
    return polymarket_signer(account, secrets) if account.venue == "polymarket" else None


def polymarket_signer(account: Account, secrets: Secrets) -> "Signer":
    """What signs for a Polymarket account: the secret's private_key, or a key in AWS KMS, named by option kms_key.

    KMS is asked for the key's address. Raises StoreError, SigningError, or InvalidInputError for a key of no use.
    """
    key_id = account.options.get(KMS_KEY, "")
    if key_id:
        # boto3's KMS client and the parser of its answers are for those alone who have their key there.
        from holdfast.state.aws import AwsClients
        from holdfast.venues.polymarket.kms_signer import KmsSigner

        return KmsSigner(AwsClients(account.region).kms, key_id)
    from holdfast.venues.polymarket.signer import LocalSigner

    return LocalSigner(*_credentials(secrets, account.secret_name, "private_key"))


def open_redeemer(
    account: Account,
    secrets: Secrets,
    clock: Clock,
    meter: Meter,
    signer: "Signer | None" = None,
    transport: "Transport | None" = None,
) -> Redeems | None:
    """What redeems for the account; None where the venue pays out by itself.

    Beside the trading credentials the secret may hold relayer_api_key, and relayer_api_key_address where another
    address than the trading key's owns it.
    """
    if account.venue != "polymarket":
        return None
    from holdfast.venues.polymarket.client import PolymarketClient
    from holdfast.venues.polymarket.headers import ApiCredentials
    from holdfast.venues.polymarket.redemption import PolymarketRedeemer
    from holdfast.venues.polymarket.relayer import Relayer, RelayerKey

    settings, transport = _polymarket_settings(account), transport or open_transport()
    api = _credentials(secrets, account.secret_name, *_POLYMARKET_FIELDS)
    signer = signer or polymarket_signer(account, secrets)
    client = PolymarketClient(settings, signer.address, ApiCredentials(*api), transport, clock, meter)
    fields = secrets.read(account.secret_name)
    key, owner = fields.get("relayer_api_key", ""), fields.get("relayer_api_key_address") or signer.address
    relayer = None
    if key:
        relayer = Relayer(settings.relayer_origin, RelayerKey(key, owner), signer.address, transport, clock, meter)
    return PolymarketRedeemer(settings, signer, client, relayer, clock)


def check_account(account: Account) -> None:
    """Raise InvalidInputError where the account's venue could not be opened as its record says; reads no secret."""
    if account.venue == "kalshi":
        from holdfast.venues.kalshi.hosts import api_origin

        if account.options:
            raise InvalidInputError(f"options of account {account.account_id}", min(account.options), "none at Kalshi")
        api_origin(_kalshi_settings(account))
    elif account.venue == "polymarket":
        settings = _polymarket_settings(account)
        _ = settings.clob_origin, settings.data_origin, settings.gamma_origin, settings.builder_word


def price_terms(account: Account) -> tuple[Scale, FeeRates]:
    """How fine the prices of the account's venue are, and the most that it charges; reads no secret, asks nobody."""
    if account.venue == "kalshi":
        from holdfast.venues.kalshi.fees import HIGHEST
        from holdfast.venues.kalshi.wire import SCALE as KALSHI_SCALE

        return KALSHI_SCALE, HIGHEST
    if account.venue == "polymarket":
        from holdfast.venues.polymarket.fees import HIGHEST_RATES
        from holdfast.venues.polymarket.order import SCALE as POLYMARKET_SCALE

        return POLYMARKET_SCALE, HIGHEST_RATES
    raise InvalidInputError(f"venue of account {account.account_id}", account.venue, "kalshi or polymarket")


def nets_outcomes(account: Account) -> bool:
    """Whether both outcomes of a market are one signed position at the account's venue; asks nobody."""
    return account.venue == "kalshi"


def _kalshi_settings(account: Account) -> "KalshiSettings":
    from holdfast.venues.kalshi.hosts import Environment, KalshiSettings

    # A local account's base_url replaces the host, so that its environment names none.
    environment = Environment.PRODUCTION if account.environment == "production" else Environment.DEMO
    return KalshiSettings(account.account_id, environment, account.base_url, account.subaccount)


def _polymarket_settings(account: Account) -> "PolymarketSettings":
    """From the record's options: wallet, signature_type (0 to 3), tier, builder, data_url, gamma_url, kms_key."""
    from holdfast.venues.polymarket.settings import PolymarketSettings
    from holdfast.venues.polymarket.signer import SignatureType

    known = {"wallet", "signature_type", "tier", "builder", "data_url", "gamma_url", KMS_KEY}
    unknown = sorted(account.options.keys() - known)
    if unknown:
        raise InvalidInputError(f"options of account {account.account_id}", unknown[0], ", ".join(sorted(known)))
    options = dict(account.options)
    kind = options.pop("signature_type", "0")
    if kind not in {str(int(known_kind)) for known_kind in SignatureType}:
        raise InvalidInputError(f"signature_type of account {account.account_id}", kind, "0, 1, 2 or 3")
    key_id = options.get(KMS_KEY, "")
    key = _KMS_KEY.fullmatch(key_id)
    if KMS_KEY in options and (key is None or (key["region"] or account.region) != account.region):
        # It is not repeated: it may be the key itself.
        allowed = f"the id or ARN (not an alias) of a KMS key in region {account.region}"
        raise InvalidInputError(f"{KMS_KEY} of account {account.account_id}", "(hidden)", allowed)
    return PolymarketSettings(
        account.account_id,
        signature_type=SignatureType(int(kind)),
        base_url=account.base_url,
        wallet=options.get("wallet", ""),
        data_url=options.get("data_url", ""),
        gamma_url=options.get("gamma_url", ""),
        builder=options.get("builder", ""),
        tier=options.get("tier", "standard"),
    )


def _credentials(secrets: Secrets, name: str, *fields: str) -> list[str]:
    """Fields of one secret. Raises StoreError, which names what is missing and holds nothing of the secret."""
    found = secrets.read(name)
    missing = [field for field in fields if not found.get(field)]
    if missing:
        raise StoreError(f"secret {name} lacks {' and '.join(missing)}")
    return [found[field] for field in fields]

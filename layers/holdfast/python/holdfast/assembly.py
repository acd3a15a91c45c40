"""Put the parts of one account together: the only place that chooses adapters."""

import secrets as system_random
from collections.abc import Callable

from holdfast.clock import Clock
from holdfast.core.errors import InvalidInputError
from holdfast.jobs.ports import Ports
from holdfast.jobs.throttle import Throttle
from holdfast.state.accounts import Account, Secrets
from holdfast.state.markets import load_strategy
from holdfast.state.parameters import Parameters
from holdfast.state.port import Store
from holdfast.state.switches import SwitchBoard
from holdfast.telemetry.port import Telemetry
from holdfast.venues.port import Meter, Venue


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
) -> Ports:
    """The ports of one writer for one account. Nothing is sent yet; keys are read once from `secrets`."""
    throttle = Throttle(store, account.account_id, clock, telemetry, jitter)
    return Ports(
        venue=open_venue(account, secrets, clock, throttle),
        store=store,
        switches=SwitchBoard(parameters, stage, account.account_id, clock, store),
        telemetry=telemetry,
        throttle=throttle,
        writer=writer,
        load_strategy=load_strategy,
    )


def open_venue(account: Account, secrets: Secrets, clock: Clock, meter: Meter) -> Venue:
    """The account's venue adapter. Each venue's package is imported only where an account needs it (cold start)."""
    if account.venue == "kalshi":
        from holdfast.venues.kalshi.adapter import KalshiVenue
        from holdfast.venues.kalshi.auth import Signer
        from holdfast.venues.kalshi.hosts import Environment, KalshiSettings
        from holdfast.venues.transport import RequestsTransport

        credentials = secrets.read(account.secret_name)
        # A local account's base_url replaces the host, so that its environment names none.
        environment = Environment.PRODUCTION if account.environment == "production" else Environment.DEMO
        settings = KalshiSettings(account.account_id, environment, account.base_url, account.subaccount)
        signer = Signer(credentials["key_id"], credentials["private_key"])
        return KalshiVenue(settings, signer, RequestsTransport(), clock, meter)
    raise InvalidInputError(f"venue of account {account.account_id}", account.venue, "kalshi")

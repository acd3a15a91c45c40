"""make e2e: deploy the real stacks to ministack, let their schedules run for three minutes, and judge what they did.

    python -m local.e2e

Exit code 0 where all was as it must be, 1 where it was not, 2 where it can't run here, 130 after Ctrl-C.
"""

import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from holdfast.clock import Clock, SystemClock
from holdfast.core.errors import HoldfastError
from holdfast.deployed import JOBS
from local.aws.ministack import Ministack, MinistackError
from local.e2e.account import DeployedAccount
from local.e2e.deployment import LocalDeployment
from local.e2e.judgement import failures_of
from local.e2e.logs import FunctionLogs
from local.e2e.markets import QUOTE, LocalVenue, open_venues
from local.e2e.scenario import QUOTED, SWITCHES, Scenario
from local.e2e.telling import Teller, equality
from local.environments import EnvironmentAbsentError

LEAST_SECONDS = 180
"""How long the schedules run at least."""


def main() -> int:
    """Run it once."""
    signal.signal(signal.SIGTERM, _interrupt)
    clock = SystemClock()
    teller = Teller(clock)
    try:
        with _deployed(clock, teller) as (deployment, accounts):
            failures = _play(clock, teller, deployment, accounts)
    except KeyboardInterrupt:
        teller.complain("interrupted: everything was torn down")
        return 130
    except (EnvironmentAbsentError, MinistackError) as error:
        teller.complain(f"ministack can't run here: {error}")
        return 2
    except HoldfastError as error:
        teller.complain(f"failed: {error}")
        return 1
    for words in failures:
        teller.complain(f"NOT AS IT MUST BE: {words}")
    if not failures:
        teller.say("all as it must be; torn down")
    return 1 if failures else 0


@contextmanager
def _deployed(clock: Clock, teller: Teller) -> Iterator[tuple[LocalDeployment, list[DeployedAccount]]]:
    """Venues, engine, stacks, secrets, switches, records; all of it goes at the end, however that comes."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="holdfast-e2e-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        venues = stack.enter_context(open_venues(clock))
        aws = stack.enter_context(Ministack())
        teller.head("The real stacks are deployed to ministack")
        deployment = LocalDeployment(aws, {venue.account: venue.line for venue in venues}, folder)
        teller.say(f"ministack serves at {aws.endpoint_url}, and {len(venues)} local venues")
        deployment.bootstrap()
        deployment.synthesize()
        teller.say(f"synthesized, for {' and '.join(deployment.wanted.regions)}")
        deployment.deploy("*-data")
        accounts = _prepare(deployment, venues)
        teller.say("tables; then records, secrets, switches and the quoted market of each account")
        deployment.deploy("--all")
        teller.say("queues, functions, schedules, alarms")
        yield deployment, accounts
        deployment.destroy()
        teller.say("every stack destroyed")


def _prepare(deployment: LocalDeployment, venues: Sequence[LocalVenue]) -> list[DeployedAccount]:
    """What an owner does between the tables and the schedules."""
    records = {record.account_id: record for record in deployment.wanted.accounts}
    for synced in ("switches", "accounts"):
        deployment.holdfast(synced, "sync")
    accounts = [DeployedAccount(records[venue.account], venue, deployment) for venue in venues]
    for account in accounts:
        account.put_secret()
        account.holdfast("switches", "set", *SWITCHES)
        account.holdfast("markets", "set", account.venue.market(QUOTE), *QUOTED)
    return accounts


def _play(clock: Clock, teller: Teller, deployment: LocalDeployment, accounts: list[DeployedAccount]) -> list[str]:
    """Run the scenario; returns what is wrong at its end."""
    began_ms = clock.now_ms()
    logs = FunctionLogs(deployment, began_ms)
    scenario = Scenario(accounts, deployment, logs, teller, clock)
    try:
        scenario.run()
        scenario.wait_until(began_ms + LEAST_SECONDS * 1000)
    finally:
        _tell_events(teller, logs)
    seconds = (clock.now_ms() - began_ms) // 1000
    logs.poll()
    teller.head(f"After {seconds} s of schedules")
    for account in accounts:
        ticks = ", ".join(f"{account.ticks(job)} ticks of {job}" for job in JOBS)
        teller.of(account, f"{ticks}; {equality(account)}")
    return [
        words
        for account in accounts
        for words in failures_of(account, logs, seconds, poisoned=account.venue.name == "kalshi")
    ]


def _tell_events(teller: Teller, logs: FunctionLogs) -> None:
    """What the functions warned of, and how often."""
    warned = [event for event in logs.events if event.fields.get("level") != "INFO"]
    teller.head("What the functions warned of")
    for (function, name, why), count in sorted(Counter((one.function, one.name, one.why) for one in warned).items()):
        teller.say(f"{count:>3} x {function} {name} {why}")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

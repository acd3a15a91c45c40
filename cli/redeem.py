"""holdfast redeem: list and run. Where a venue pays on request, what resolved is money only once it is redeemed."""

from decimal import Decimal

import typer

from cli.output import say, show, warn
from cli.regions import stage_of
from cli.stage import DEFAULT_STAGE, AccountOption, Stage, StageOption
from holdfast.assembly import assemble
from holdfast.clock import SystemClock
from holdfast.core.errors import InvalidInputError
from holdfast.core.redemption import Redeemable, Redemption
from holdfast.core.scale import Scale, format_units
from holdfast.jobs.brackets import check_brackets
from holdfast.jobs.ports import Ports
from holdfast.state.accounts import Account
from holdfast.state.redemptions import Redemptions
from holdfast.telemetry.memory import MemoryTelemetry
from holdfast.venues.port import Redeems

app = typer.Typer(help="Resolved positions: what is still to be redeemed, and redeeming it now.", no_args_is_help=True)

_LONGEST_WAIT_MS = 10_000
_SHOWN = frozenset({"REDEEMED", "REDEMPTION_SUBMITTED", "REDEMPTION_UNKNOWN", "REDEMPTION_FAILED"})


@app.command("list")
def list_redeemable(account: AccountOption, stage: StageOption = DEFAULT_STAGE) -> None:
    """Show what resolved and is still held, what it pays, and where its redemption is. Sends nothing."""
    where = stage_of(stage, account)
    record = where.account(account)
    ports, redeemer = _opened(where, record, MemoryTelemetry())
    ports.venue.connect()
    ports.throttle.configure(ports.venue.capabilities)
    ports.throttle.begin_tick(_LONGEST_WAIT_MS)
    known, scale = Redemptions(where.store, record.account_id).all(), ports.venue.capabilities.scale
    rows = [
        (one.condition, *_holdings(one, scale), f"${_dollars(one.payout, scale)}", _state(known.get(one.condition)))
        for one in redeemer.redeemable()
    ]
    if rows:
        show(("condition", "markets", "shares", "pays", "redemption"), rows)
    else:
        say("nothing that resolved is held")
    if redeemer.obstacle:
        warn(f"Holdfast can't redeem for account {account}: {redeemer.obstacle}")


@app.command("run")
def run(account: AccountOption, stage: StageOption = DEFAULT_STAGE) -> None:
    """Redeem now what is ours and settled in the ledger, whatever use_gasless says; dry_run still sends nothing.

    What was given up starts anew. One pass of the brackets job under its lease: exit code 1 if it could not run.
    """
    where = stage_of(stage, account)
    record = where.account(account)
    telemetry = MemoryTelemetry()
    ports, redeemer = _opened(where, record, telemetry)
    if redeemer.obstacle:
        raise InvalidInputError(f"redemptions of account {account}", redeemer.obstacle, "a wallet that can be served")
    records = Redemptions(where.store, record.account_id)
    for known in records.all().values():
        if known.is_given_up:
            records.close(known.restarted())
    report = check_brackets(record, ports, SystemClock(), gasless=True)
    scale = ports.venue.capabilities.scale
    for event in telemetry.events:
        if event.name in _SHOWN:
            say(f"{event.name}: {event.fields['condition']} pays ${_dollars(event.fields['payout'], scale)}")
    done = report.redeeming
    say(f"{done.submitted} submitted, {done.redeemed} redeemed, {done.failed} failed, {done.open} still on their way")
    if report.skipped or report.ended:
        warn(f"the pass ended early: {report.skipped or report.ended}")
        raise typer.Exit(1)


def _opened(where: Stage, account: Account, telemetry: MemoryTelemetry) -> tuple[Ports, Redeems]:
    ports = assemble(
        account,
        stage=where.name,
        store=where.store,
        parameters=where.parameters,
        secrets=where.secrets,
        clock=SystemClock(),
        telemetry=telemetry,
        writer="command line",
    )
    if ports.redeemer is None:
        raise InvalidInputError("account", account.account_id, f"one of another venue: {account.venue} pays by itself")
    return ports, ports.redeemer


def _holdings(one: Redeemable, scale: Scale) -> tuple[str, str]:
    sizes = [format_units(holding.size, scale.size_decimals) for holding in one.holdings]
    return " ".join(holding.market for holding in one.holdings), " ".join(sizes)


def _dollars(units: object, scale: Scale) -> str:
    return format(Decimal(format_units(int(str(units)), scale.money_decimals)).normalize(), "f")


def _state(known: Redemption | None) -> str:
    if known is None:
        return "not begun"
    if known.is_given_up:
        return f"given up: {known.cause}"
    return f"{known.state.value} (attempt {known.attempt})"

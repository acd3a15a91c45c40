"""holdfast doctor: whether a deployment is ready to trade, line by line ok or what to do.

Each account is checked inside the deployed execute function, whose place, clock and permissions are those that count;
where there is none, from this machine.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import msgspec
import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.accounts import said
from cli.deployed_check import RegionCheck, differences, explained
from cli.holdings import holdings
from cli.output import say
from cli.regions import is_stand_in, stage_of, stages, wanted_accounts
from cli.stage import DEFAULT_STAGE, Stage, StageOption
from holdfast.account_check import Line, check
from holdfast.clock import SystemClock
from holdfast.core.errors import HoldfastError, InvalidInputError, StoreError
from holdfast.deployed import CHECK_EVENT, Function, function_name, log_group_name
from holdfast.state.accounts import Account
from holdfast.state.halts import Halting
from holdfast.state.switch_set import EVERYBODY, asks_halt, parameter_path, read_texts
from holdfast.state.switch_set import check as check_switches

_AT_ONCE = 8
# The checks wait for rate-limit tokens, and for a venue that is slow.
_ANSWER_SECONDS = 90

Wanted = dict[str, Account] | None


def doctor(
    account: Annotated[str, typer.Option("--account", help="This account alone, and its region.")] = "",
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Check a deployment: AWS, tables, switches, queues, functions, schedules, and each account's way to its venue.

    Each line is ok or says what to do; exit code 1 if any is not ok. Nothing is changed, no secret is shown.
    """
    where = (stage_of(stage, account),) if account else stages(stage)
    listed = wanted_accounts(stage)
    wanted = None if listed is None else {one.account_id: one for one in listed}
    ready = all([_say_region(one, wanted, account) for one in where])
    for line in _everybodys(where):
        say(said(stage, line))
        ready = False
    if not ready:
        raise typer.Exit(1)


def _say_region(stage: Stage, wanted: Wanted, only: str) -> bool:
    """Print the lines of a region and its accounts as they are known; whether all are ok."""
    region = RegionCheck(stage, SystemClock(), wanted, is_stand_in=is_stand_in())
    ready = True
    for line in region.lines():
        say(said(stage.region, line))
        ready = ready and line.ok
    names = _names(stage, wanted, region.accounts, only)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda name: list(_account(stage, name, wanted, region)), names)
        for name, lines in zip(names, found, strict=True):
            for line in lines:
                say(said(f"{stage.region} {name}", line))
            ready = ready and all(line.ok for line in lines)
    return ready


def _names(stage: Stage, wanted: Wanted, known: Sequence[str] | None, only: str) -> list[str]:
    """The accounts to look at: those of the tables, and those that cdk.json has for this region."""
    if known is None:
        return []
    ours = [name for name, one in (wanted or {}).items() if one.region == stage.region]
    return [only] if only else sorted({*known, *ours})


def _account(stage: Stage, name: str, wanted: Wanted, region: RegionCheck) -> Iterator[Line]:
    """Every line of an account; an error of the tables or of AWS is one, too."""
    try:
        if name not in (region.accounts or ()):
            if wanted is None or name not in wanted:
                stage.account(name)  # says which there are
            yield Line("record", False, "cdk.json names it, the tables do not; holdfast accounts sync adds it")
            return
        if wanted is not None and name not in wanted:
            yield _left_out(stage, name)
            return
        if wanted is not None and _is_other(stage, wanted[name]):
            yield Line("record", False, "it is not what cdk.json says; holdfast accounts sync mends it")
        yield from _switches(stage, name)
        yield from _in_function(stage, name) if region.has_jobs else _from_here(stage, name)
    except (HoldfastError, ClientError, BotoCoreError) as error:
        yield Line("account", False, f"it can't be looked at: {explained(error)}")


def _left_out(stage: Stage, name: str) -> Line:
    has = holdings(stage, name)
    if has.open:
        todo = "put its line back and deploy until they are closed"
        return Line("record", False, f"it is not in cdk.json and has no ticks, but {', '.join(has.open)}; {todo}")
    return Line("record", True, "it is not in cdk.json and has no ticks; nothing of it is open")


def _is_other(stage: Stage, wanted: Account) -> bool:
    try:
        return stage.account(wanted.account_id) != wanted
    except InvalidInputError:
        return True


def _switches(stage: Stage, name: str) -> Iterator[Line]:
    """Whether its switches can be used, and whether it is halted."""
    texts = read_texts(stage.parameters, stage.name, name)
    switches, problems = check_switches(texts)
    yield from (Line("switches", False, f"{one}; holdfast switches set or unset mends it") for one in problems)
    if switches is not None:
        mode = "dry run, nothing new is sent" if switches.dry_run else "new orders are sent"
        yield Line("switches", True, f"valid; {mode}")
    halting = Halting(stage.store, name)
    halts, _ = halting.of(stage.store.get_many(halting.keys))
    if halts.switch or asks_halt(texts):
        scope = f" --account {name}" if texts.source("halt") == name else ""
        todo = f"holdfast switches set halt=false{scope} ends that"
        yield Line("halt", False, f"halted by its switch: no entries and quotes, exits go on; {todo}")
    if halts.reasons:
        why = ", ".join(halts.reasons)
        yield Line("halt", False, f"halted ({why}): no entries and quotes until that is over; see docs/execute.md")


def _in_function(stage: Stage, name: str) -> Iterator[Line]:
    """What the deployed function finds of the account. What is not found there is looked at from here."""
    function = function_name(stage.name, Function.EXECUTE)
    try:
        lines = _answered(stage, function, name)
    except (ClientError, BotoCoreError) as error:
        why = explained(error)
    except StoreError as error:
        why = str(error)
    else:
        yield Line("function", True, f"{function} answers; the lines below are what it finds")
        yield from lines
        return
    yield Line("function", False, f"{function} does not check it: {why}")
    # Where this machine is says nothing of where the function is.
    yield from (line for line in _from_here(stage, name) if line.check != "place")


def _answered(stage: Stage, function: str, name: str) -> list[Line]:
    """Raises StoreError where the function failed; its own words stay in its log."""
    client: Any = stage.clients.of("lambda", read_seconds=_ANSWER_SECONDS)
    answer = client.invoke(FunctionName=function, Payload=json.dumps({CHECK_EVENT: name}).encode())
    body = answer["Payload"].read()
    logs = log_group_name(stage.name, Function.EXECUTE)
    try:
        said_there = json.loads(body)
        if "FunctionError" in answer:
            raise StoreError(f"it ended by {said_there.get('errorType', 'an error')}; log group {logs} says why")
        return msgspec.convert(said_there["lines"], list[Line])
    except (ValueError, KeyError, TypeError, AttributeError, msgspec.ValidationError):
        raise StoreError("its answer is none of this release's; make deploy brings it up to date") from None


def _from_here(stage: Stage, name: str) -> Iterator[Line]:
    yield from check(name, stage.store, stage.secrets, SystemClock())


def _everybodys(where: Sequence[Stage]) -> Iterator[Line]:
    """What differs between regions; one that can't be read has its own line."""
    if len(where) < 2:
        return
    found = []
    for stage in where:
        try:
            found.append((stage.region, stage.parameters.read(parameter_path(stage.name, EVERYBODY))))
        except (StoreError, ClientError, BotoCoreError):
            continue
    yield from differences(found)

import json
from pathlib import Path

import pytest

from holdfast.clock import SystemClock
from holdfast.state.aws import AwsClients
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.halts import Halting
from holdfast.state.memory import MemoryStore
from holdfast.state.parameters import SsmParameters
from holdfast.state.switch_set import NAMES, Switches
from holdfast.state.switches import SwitchBoard
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from tests.cli.conftest import Holdfast


class Deployment:
    """What a job of account kalshi-1 sees."""

    def __init__(self, aws: LocalAws, stage: str) -> None:
        self.store = DynamoStore(aws.clients().dynamodb, TableNames(stage), SystemClock())
        self.parameters = SsmParameters(aws.clients().ssm)
        self.stage = stage

    def board(self, account: str = "kalshi-1") -> SwitchBoard:
        return SwitchBoard(self.parameters, self.stage, account, SystemClock(), self.store)

    def halted(self, account: str = "kalshi-1") -> bool:
        halting = Halting(self.store, account)
        return halting.of(self.store.get_many(halting.keys))[0].switch

    def write(self, scope: str, name: str, text: str) -> None:
        self.parameters.write(f"/holdfast/{self.stage}/{scope}/{name}", text)


@pytest.fixture
def deployment(local_aws: LocalAws, stage: str, account: str) -> Deployment:
    return Deployment(local_aws, stage)


def rows(out: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in out.splitlines()[1:]}


def test_list_shows_value_source_and_meaning_of_every_switch(holdfast: Holdfast, deployment: Deployment) -> None:
    deployment.write("kalshi-1", "max_open_orders", "77")
    deployment.parameters.remove(f"/holdfast/{deployment.stage}/all/halt")
    listed = holdfast("switches list --account kalshi-1")
    assert listed.code == 0
    shown = rows(listed.out)
    assert tuple(shown) == NAMES
    assert shown["max_open_orders"][:2] == ["77", "kalshi-1"]
    assert shown["dry_run"][:2] == ["false", "all"]
    assert shown["halt"][:2] == ["false", "default"]
    assert all(len(cells) > 5 for cells in shown.values()), "each says what it does"


def test_set_is_what_the_job_reads(holdfast: Holdfast, deployment: Deployment) -> None:
    assert holdfast("switches set max_open_orders=500").code == 0
    assert holdfast("switches set max_open_orders=50 dry_run=true --account kalshi-1").code == 0
    reading = deployment.board().read()
    assert reading.valid
    assert (reading.switches.max_open_orders, reading.switches.dry_run) == (50, True)
    assert deployment.board("kalshi-2").read().switches.max_open_orders == 500
    assert holdfast("switches unset max_open_orders --account kalshi-1").out == "max_open_orders = 500 (from all)\n"
    assert deployment.board().read().switches.max_open_orders == 500


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("max_open_orders=many", "max_open_orders: 'many'"),
        ("max_open_order=5", "max_open_order"),
        ("halt=on", "true or false"),
        ("halt", "NAME=VALUE"),
        ("execution_interval_seconds=10", "max_wait_seconds"),
        ("max_market_exposure=5000", "max_gross_exposure"),
    ],
)
@pytest.mark.parametrize("scope", ["", " --account kalshi-1"])
def test_set_that_would_not_be_valid_is_refused_whole(
    holdfast: Holdfast, deployment: Deployment, words: str, said: str, scope: str
) -> None:
    refused = holdfast(f"switches set dry_run=true {words}{scope}")
    assert refused.code == 2
    assert said in refused.error_line
    reading = deployment.board().read()
    assert (reading.valid, reading.switches.dry_run) == (True, False)


def test_value_for_all_is_refused_where_it_breaks_one_account(holdfast: Holdfast, deployment: Deployment) -> None:
    assert holdfast("switches set max_market_exposure=900 --account kalshi-1").code == 0
    refused = holdfast("switches set max_gross_exposure=500")
    assert refused.code == 2
    assert "/kalshi-1/max_market_exposure" in refused.error_line
    assert deployment.board().read().valid


def test_values_that_need_each_other_are_set_together(holdfast: Holdfast, deployment: Deployment) -> None:
    """Also in an order that never leaves an invalid set for a job to read in between."""
    seen: list[bool] = []
    write = SsmParameters.write

    def watched(parameters: SsmParameters, name: str, text: str) -> None:
        write(parameters, name, text)
        seen.append(deployment.board().read().valid)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SsmParameters, "write", watched)
        assert holdfast("switches set execution_interval_seconds=10 max_wait_seconds=5").code == 0
        assert holdfast("switches set max_wait_seconds=30 execution_interval_seconds=60").code == 0
    assert seen == [True] * 4


def test_halt_reaches_the_control_table_at_once(holdfast: Holdfast, deployment: Deployment) -> None:
    assert holdfast("switches set halt=true --account kalshi-1").code == 0
    assert deployment.halted()
    assert deployment.board().read().switches.halt
    assert holdfast("switches set halt=false --account kalshi-1").code == 0
    assert not deployment.halted()


def test_halt_for_all_halts_every_account_but_keeps_an_accounts_own(holdfast: Holdfast, deployment: Deployment) -> None:
    holdfast("accounts add kalshi-2 --venue kalshi --environment demo --secret s")
    holdfast("switches set halt=false --account kalshi-2")
    assert holdfast("switches set halt=true").code == 0
    assert (deployment.halted("kalshi-1"), deployment.halted("kalshi-2")) == (True, False)
    assert holdfast("switches unset halt --account kalshi-2").code == 0
    assert deployment.halted("kalshi-2")


def test_halt_works_while_another_switch_is_broken(holdfast: Holdfast, deployment: Deployment) -> None:
    deployment.write("all", "max_open_orders", "many")
    deployment.write("kalshi-1", "typo", "1")
    assert holdfast("switches set halt=true --account kalshi-1").code == 0
    assert deployment.halted()
    assert deployment.board().read().switches.halt
    listed = holdfast("switches list --account kalshi-1")
    assert listed.code == 1
    assert "max_open_orders: 'many'" in listed.err
    assert "no such switch" in listed.err
    assert holdfast("switches unset typo --account kalshi-1").code == 0
    assert holdfast("switches set max_open_orders=10").code == 0
    assert holdfast("switches list --account kalshi-1").code == 0


def test_unknown_names_are_refused(holdfast: Holdfast, deployment: Deployment) -> None:
    assert "nobody" in holdfast("switches set halt=true --account nobody").error_line
    assert "haltt" in holdfast("switches unset haltt").error_line


@pytest.fixture
def deployed(tmp_path: Path) -> str:
    path = tmp_path / "cdk.json"
    accounts = {"kalshi-1": {"venue": "kalshi", "environment": "demo", "region": "eu-west-1"}}
    context = {"stage": "dev", "email": "a@example.com", "timezone": "UTC", "accounts": accounts}
    path.write_text(json.dumps({"context": context}))
    return str(path)


def test_a_deploy_makes_every_switch_in_dry_run_and_takes_no_halt_back(
    holdfast: Holdfast, local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch, deployed: str
) -> None:
    monkeypatch.setenv("HOLDFAST_STAGE", "unmade")
    first = holdfast("switches sync --deployment", deployed)
    assert first.out == f"eu-west-1: {len(NAMES)} switches made, 0 left as they are\n", first.err
    ssm = AwsClients("eu-west-1").ssm
    board = SwitchBoard(SsmParameters(ssm), "unmade", "kalshi-1", SystemClock(), MemoryStore(SystemClock()))
    reading = board.read()
    assert reading.valid
    assert reading.switches.dry_run
    assert reading.switches.model_copy(update={"dry_run": False}) == Switches()
    described = ssm.describe_parameters(
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": ["/holdfast/unmade/all/halt"]}]
    )
    assert described["Parameters"][0]["Description"].startswith("Cancel every quote and entry and place none.")

    SsmParameters(ssm).write("/holdfast/unmade/all/halt", "true")
    SsmParameters(ssm).remove("/holdfast/unmade/all/take_profit")
    second = holdfast("switches sync --deployment", deployed)
    assert second.out == f"eu-west-1: 1 switches made, {len(NAMES) - 1} left as they are\n"
    assert board.refresh().switches.halt

"""The command line on a stage that is in two AWS regions: it reads all, finds each account, and changes every one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.clock import SystemClock
from holdfast.state.aws import AwsClients
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.halts import Halting
from holdfast.state.parameters import SsmParameters
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from tests.aws import InRegion
from tests.cli.conftest import Holdfast

US, EU = "us-east-1", "eu-west-1"


class Regions:
    """The tables and parameters of a stage, by region."""

    def __init__(self, aws: LocalAws, stage: str) -> None:
        self.aws, self.stage = aws, stage

    def clients(self, region: str) -> AwsClients:
        return InRegion(self.aws, region).clients()

    def store(self, region: str) -> DynamoStore:
        return DynamoStore(self.clients(region).dynamodb, TableNames(self.stage), SystemClock())

    def parameters(self, region: str) -> SsmParameters:
        return SsmParameters(self.clients(region).ssm)

    def switch(self, region: str, name: str, scope: str = "all") -> str:
        return self.parameters(region).read(f"/holdfast/{self.stage}/{scope}")[name]

    def halted(self, region: str, account: str) -> bool:
        halting = Halting(self.store(region), account)
        return halting.of(self.store(region).get_many(halting.keys))[0].switch

    def without_tables(self, region: str) -> None:
        self.clients(region).dynamodb.delete_table(TableName=f"holdfast-{self.stage}-control")


@pytest.fixture
def both(local_aws: LocalAws, stage: str, holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch) -> Regions:
    """A Kalshi account in us-east-1 and a Polymarket account in eu-west-1."""
    InRegion(local_aws, EU).create_stage(stage)
    monkeypatch.setenv("HOLDFAST_REGIONS", f"{US},{EU}")
    for name, venue in (("kal", "kalshi"), ("poly", "polymarket")):
        added = holdfast(f"accounts add {name} --venue {venue} --environment demo --secret s/{name}")
        assert added.code == 0, added.err
    return Regions(local_aws, stage)


def test_an_account_is_added_where_its_venue_belongs_and_all_are_listed(holdfast: Holdfast, both: Regions) -> None:
    rows = [line.split() for line in holdfast("accounts list").out.splitlines()[1:]]
    assert [(row[0], row[4]) for row in rows] == [("kal", US), ("poly", EU)]
    assert "poly" not in holdfast(f"--region {US} accounts list").out
    refused = holdfast("accounts add odd --venue kalshi --environment demo --secret s --region sa-east-1")
    assert refused.code == 2
    assert f"a region in use: {US}, {EU}" in refused.error_line


@pytest.mark.parametrize(
    "command", ["markets list", "brackets list", "brackets trades", "entries list", "switches list"]
)
def test_a_command_for_one_account_finds_its_region(holdfast: Holdfast, both: Regions, command: str) -> None:
    for account in ("kal", "poly"):
        done = holdfast(f"{command} --account {account}")
        assert done.code == 0, done.err
    unknown = holdfast(f"{command} --account nobody")
    assert unknown.code == 2
    assert "a known account: kal, poly" in unknown.error_line


@pytest.mark.parametrize("command", ["markets list", "brackets list", "brackets trades", "entries list"])
def test_a_list_without_an_account_is_of_every_account_of_every_region(
    holdfast: Holdfast, both: Regions, command: str
) -> None:
    listed = holdfast(command)
    assert listed.code == 0, listed.err
    names = [line for line in listed.out.splitlines() if line.endswith("):")]
    assert names == [f"kal ({US}):", f"poly ({EU}):"]
    both.without_tables(EU)
    rest = holdfast(command)
    assert (rest.code, f"kal ({US}):" in rest.out) == (1, True)
    assert rest.error_line.startswith(f"{EU}: ")


def test_what_is_written_for_an_account_is_in_its_region_alone(holdfast: Holdfast, both: Regions) -> None:
    assert holdfast("switches set max_open_orders=5 --account poly").code == 0
    assert both.switch(EU, "max_open_orders", "poly") == "5"
    assert both.parameters(US).read(f"/holdfast/{both.stage}/poly") == {}


def test_a_value_for_all_is_written_in_every_region(holdfast: Holdfast, both: Regions) -> None:
    done = holdfast("switches set halt=true")
    assert done.out == f"halt = true (from all) in {US}, {EU}\n"
    assert (both.halted(US, "kal"), both.halted(EU, "poly")) == (True, True)
    assert [both.switch(region, "halt") for region in (US, EU)] == ["true", "true"]
    assert holdfast("switches unset halt").code == 0
    assert (both.halted(US, "kal"), both.halted(EU, "poly")) == (False, False)


def test_what_breaks_an_account_of_one_region_is_written_in_none(holdfast: Holdfast, both: Regions) -> None:
    assert holdfast("switches set max_market_exposure=900 --account poly").code == 0
    refused = holdfast("switches set max_gross_exposure=500")
    assert refused.code == 2
    assert "/poly/max_market_exposure" in refused.error_line
    assert [both.switch(region, "max_gross_exposure") for region in (US, EU)] == ["1000", "1000"]


def test_list_shows_where_regions_differ(holdfast: Holdfast, both: Regions) -> None:
    assert holdfast("switches list").err == ""
    assert holdfast(f"--region {EU} switches set dry_run=true").code == 0
    listed = holdfast("switches list")
    assert "dry_run " in listed.out
    assert f"false in {US}, true in {EU}" in listed.out
    assert listed.error_line.startswith(f"dry_run is not the same in each region: false in {US}, true in {EU}")
    assert holdfast("switches set dry_run=true").code == 0
    assert holdfast("switches list").err == ""


def test_a_region_that_can_not_be_read_keeps_no_other_from_a_halt(holdfast: Holdfast, both: Regions) -> None:
    both.without_tables(EU)
    halted = holdfast("switches set halt=true")
    assert halted.code == 1
    assert halted.error_line.startswith(f"{EU}: ")
    assert both.halted(US, "kal")
    refused = holdfast("switches set max_open_orders=5")
    assert (refused.code, refused.out) == (1, "")
    assert "nothing was changed" in refused.error_line
    assert both.switch(US, "max_open_orders") == "1000"
    listed = holdfast("accounts list")
    assert listed.code == 1
    assert "kal " in listed.out
    assert listed.error_line.startswith(f"{EU}: ")
    assert holdfast("switches set halt=false --account kal").code == 0
    lost = holdfast("markets list --account poly")
    assert lost.code == 1
    assert EU in lost.error_line


def test_an_account_in_two_regions_is_not_guessed(holdfast: Holdfast, both: Regions) -> None:
    assert holdfast(f"--region {EU} accounts add kal --venue kalshi --environment demo --secret s").code == 0
    refused = holdfast("markets list --account kal")
    assert refused.code == 2
    assert f"it is in {US} and {EU}: say --region" in refused.error_line
    assert holdfast(f"--region {US} markets list --account kal").code == 0


def test_the_deployments_context_says_the_regions_unless_a_stand_in_is_used(
    holdfast: Holdfast, both: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOLDFAST_REGIONS")
    monkeypatch.chdir(tmp_path)
    polymarket = {"venue": "polymarket", "environment": "production"}
    context: dict[str, object] = {"accounts": {"poly": polymarket}}
    Path("cdk.json").write_text(json.dumps({"context": context}))
    assert "kal " in holdfast("accounts list").out, "the stand-in's one region"

    endpoint = both.aws.endpoint_url
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    for service in ("DYNAMODB", "SSM"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", endpoint)
    of_context = holdfast("accounts list").out
    assert "poly " in of_context
    assert "kal " not in of_context

    Path("cdk.json").write_text(json.dumps({"context": {"accounts": {"poly": {"venue": "polymarkt"}}}}))
    broken = holdfast("switches set halt=true")
    assert broken.code == 2
    assert "HOLDFAST_REGIONS" in broken.error_line
    assert holdfast(f"--region {US},{EU} switches set halt=true").code == 0
    assert both.halted(EU, "poly")

    Path("cdk.json").write_text(json.dumps({"context": {}}))
    assert "kal " in holdfast("accounts list").out, "AWS_REGION's"


def test_a_region_that_is_none_is_refused(holdfast: Holdfast) -> None:
    refused = holdfast("--region virginia accounts list")
    assert refused.code == 2
    assert "--region: 'virginia'" in refused.error_line


def test_the_command_line_needs_nothing_of_what_synthesizes_the_stacks() -> None:
    """It reads their settings; the CDK itself takes seconds to import, and is not installed everywhere."""
    code = "import sys, cli.app; print([name for name in sys.modules if name.startswith(('aws_cdk', 'jsii', 'moto'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "[]\n"

"""`holdfast accounts sync`: records become what the context says, and no account parts from what it holds."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.clock import SystemClock
from holdfast.core.positions import Position
from holdfast.deployed import dashboard_name
from holdfast.state.accounts import Account, Accounts
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.ledger import Ledger, StoredPosition
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs
from holdfast.state.port import Put, Table
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from tests.aws import InRegion
from tests.cli.conftest import Holdfast, Result

US, EU = "us-east-1", "eu-west-1"
KALSHI = {"venue": "kalshi", "environment": "demo"}
POLYMARKET = {"venue": "polymarket", "environment": "production"}

Sync = Callable[..., Result]


class Tables:
    def __init__(self, aws: LocalAws, stage: str) -> None:
        self.aws, self.stage = aws, stage

    def store(self, region: str) -> DynamoStore:
        return DynamoStore(InRegion(self.aws, region).clients().dynamodb, TableNames(self.stage), SystemClock())

    def accounts(self, region: str) -> dict[str, Account]:
        return {account.account_id: account for account in Accounts(self.store(region)).list()}

    def hold(self, region: str, account: str, size: int = 500) -> None:
        """A position of the account in its books."""
        Ledger(self.store(region), account).book(StoredPosition(Position("M")), Position("M", size=size), [])


@pytest.fixture
def tables(local_aws: LocalAws, stage: str) -> Tables:
    InRegion(local_aws, EU).create_stage(stage)
    return Tables(local_aws, stage)


@pytest.fixture
def sync(holdfast: Holdfast, tables: Tables, tmp_path: Path) -> Sync:
    """Sync the accounts with a context of these lines."""

    def synced(region: str = "", **lines: dict[str, object]) -> Result:
        path = tmp_path / "cdk.json"
        accounts = {name.replace("_", "-"): line for name, line in lines.items()}
        path.write_text(json.dumps({"context": {"accounts": accounts}}))
        option = f"--region {region} " if region else ""
        return holdfast(f"{option}accounts sync --deployment", str(path))

    return synced


def test_each_line_becomes_a_record_of_its_region_and_a_second_run_changes_nothing(sync: Sync, tables: Tables) -> None:
    lines = {"kal": KALSHI | {"subaccount": 3}, "poly": POLYMARKET | {"options": {"tier": "gold"}}}
    first = sync(**lines)
    assert (first.code, first.out) == (0, f"{US}: kal added\n{EU}: poly added\n")
    (kalshi,) = tables.accounts(US).values()
    assert (kalshi.subaccount, kalshi.region, kalshi.secret_name) == (3, US, f"holdfast/{tables.stage}/kal")
    assert tables.accounts(EU)["poly"].options == {"tier": "gold"}
    assert sync(**lines).out == f"{US}: kal is as it should be\n{EU}: poly is as it should be\n"


def test_a_line_that_changed_changes_the_record(sync: Sync, tables: Tables) -> None:
    sync(poly=POLYMARKET)
    changed = sync(poly=POLYMARKET | {"options": {"tier": "gold"}})
    assert changed.out == f"{EU}: poly changed, tier: none -> gold\n"
    assert tables.accounts(EU)["poly"].options == {"tier": "gold"}


def test_a_record_that_can_not_be_used_is_written_again(sync: Sync, tables: Tables) -> None:
    sync(kal=KALSHI)
    tables.store(US).write(Put(Table.CONTROL, {"pk": "ACCOUNT#kal", "sk": "record", "venue": "kalshi"}))
    assert "written again" in sync(kal=KALSHI).out
    assert tables.accounts(US)["kal"].environment == "demo"


def test_an_account_with_an_open_position_stays_in_its_region(sync: Sync, tables: Tables) -> None:
    sync(kal=KALSHI, other=KALSHI | {"region": EU})
    tables.hold(US, "kal")
    refused = sync(US, kal=KALSHI | {"region": EU}, other=KALSHI | {"region": EU})
    assert refused.code == 1
    assert refused.error_line.startswith(f"kal is not moved to {EU}: in {US} it has 1 open position, 1 market in its")
    assert "no ticks" in refused.error_line
    assert f"put region {US} back" in refused.error_line
    assert "kal" in tables.accounts(US)
    assert "kal" not in tables.accounts(EU)


def test_an_account_does_not_move_out_of_a_region_that_nothing_names_any_more(
    sync: Sync, tables: Tables, local_aws: LocalAws
) -> None:
    """The region's last account: its stacks are still there, and would trade it beside the new region's."""
    sync(kal=KALSHI)
    tables.hold(US, "kal")
    for stage in (tables.stage, f"{tables.stage}-ann"):
        for region in (US, "xx-lost-1"):
            InRegion(local_aws, EU).clients().of("cloudwatch").put_dashboard(
                DashboardName=dashboard_name(stage, region), DashboardBody="{}"
            )
    refused = sync(kal=KALSHI | {"region": EU})
    assert refused.code == 1
    assert f"{US} has stacks, but no account in cdk.json" in refused.err
    assert f"kal is not moved to {EU}: in {US} it has 1 open position" in refused.err
    assert "kal" in tables.accounts(US)
    assert "kal" not in tables.accounts(EU)


def test_an_account_that_is_flat_would_leave_its_books_and_limits_behind(sync: Sync, tables: Tables) -> None:
    sync(kal=KALSHI, other=KALSHI | {"region": EU})
    store = tables.store(US)
    MarketConfigs(store, "kal").save(MarketConfig(market="M", strategy=DEFAULT_STRATEGY))
    refused = sync(US, kal=KALSHI | {"region": EU}, other=KALSHI | {"region": EU})
    assert refused.code == 1
    assert f"in {US} it has 1 market config; it would leave that behind" in refused.error_line


def test_an_account_that_has_nothing_is_moved(sync: Sync, tables: Tables) -> None:
    sync(kal=KALSHI)
    moved = sync(US, kal=KALSHI | {"region": EU})
    assert (moved.code, moved.out) == (0, f"{EU}: kal moved here from {US}, where it had nothing\n")
    assert tables.accounts(US) == {}
    assert tables.accounts(EU)["kal"].region == EU


@pytest.mark.parametrize("change", [{"subaccount": 1}, {"environment": "production"}])
def test_open_positions_do_not_become_another_accounts(sync: Sync, tables: Tables, change: dict[str, object]) -> None:
    sync(kal=KALSHI)
    tables.hold(US, "kal")
    refused = sync(kal=KALSHI | change)
    assert refused.code == 1
    assert "kal is not changed" in refused.error_line
    assert tables.accounts(US)["kal"].subaccount == 0
    assert sync(kal=KALSHI).code == 0


def test_what_the_context_does_not_name_is_named_and_kept(sync: Sync, tables: Tables) -> None:
    sync(kal=KALSHI, old=KALSHI)
    left = sync(kal=KALSHI)
    assert left.code == 0
    assert f"{US}: old is not in cdk.json, so that it has no ticks; its record is kept\n" in left.out
    tables.hold(US, "old")
    open_position = sync(kal=KALSHI)
    assert open_position.code == 1
    assert open_position.error_line.startswith(f"{US}: old is not in cdk.json, and has 1 open position")
    assert set(tables.accounts(US)) == {"kal", "old"}


def test_a_check_before_the_deploy_says_what_would_be_refused_and_changes_nothing(
    sync: Sync, tables: Tables, holdfast: Holdfast, tmp_path: Path
) -> None:
    """Also before a first deploy, when there are no tables yet."""
    sync(kal=KALSHI)
    tables.hold(US, "kal")
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"accounts": {"new": KALSHI, "p": POLYMARKET}}}))
    check = ("accounts sync --check --deployment", str(tmp_path / "cdk.json"))
    refused = holdfast(*check)
    assert (refused.code, refused.out) == (1, "")
    assert refused.error_line.startswith(f"{US}: kal is not in cdk.json, and has 1 open position")
    assert set(tables.accounts(US)) == {"kal"}
    first = holdfast("accounts sync --stage fresh --check --deployment", str(tmp_path / "cdk.json"))
    assert (first.code, first.out, first.err) == (0, "", "")


def test_nothing_is_changed_where_a_region_can_not_be_read(sync: Sync, tables: Tables) -> None:
    InRegion(tables.aws, EU).clients().dynamodb.delete_table(TableName=f"holdfast-{tables.stage}-control")
    lost = sync(kal=KALSHI, poly=POLYMARKET)
    assert (lost.code, lost.out) == (1, "")
    assert lost.error_line.startswith(f"nothing was changed. {EU}: ")
    assert tables.accounts(US) == {}

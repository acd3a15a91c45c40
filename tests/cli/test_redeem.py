"""holdfast redeem, against the local server on the real clock."""

import json

from holdfast.clock import SystemClock
from holdfast.state.redemptions import Redemptions
from local.aws.stand_in import LocalAws
from tests.cli.conftest import Holdfast
from tests.cli.redeemer import ACCOUNT, redeemer
from tests.local.kalshi_member import ed25519_key, private_pem


def test_what_resolved_is_listed_and_redeemed_once(holdfast: Holdfast, local_aws: LocalAws, stage: str) -> None:
    with redeemer(local_aws, stage) as found:
        assert "nothing that resolved is held" in holdfast("redeem list --account poly-1").out
        found.win()
        listed = holdfast("redeem list --account poly-1")
        assert (listed.code, listed.err) == (0, "")
        assert found.token in listed.out
        assert "$25 " in listed.out
        assert "not begun" in listed.out
        done = holdfast("redeem run --account poly-1")
        assert (done.code, done.err) == (0, "")
        assert "pays $25" in done.out
        assert "1 submitted, 1 redeemed, 0 failed" in done.out
        again = holdfast("redeem run --account poly-1")
        assert "0 submitted" in again.out
        assert [row.payout for row in found.exchange.books("us").redemptions] == [25 * 10**10]


def test_dry_run_holds_for_the_command_too(holdfast: Holdfast, local_aws: LocalAws, stage: str) -> None:
    with redeemer(local_aws, stage) as found:
        found.win()
        holdfast("switches set dry_run=true")
        assert "0 submitted" in holdfast("redeem run --account poly-1").out
        assert found.exchange.books("us").redemptions == ()


def test_what_was_given_up_starts_anew_by_command(holdfast: Holdfast, local_aws: LocalAws, stage: str) -> None:
    with redeemer(local_aws, stage) as found:
        found.win()
        records, wanted = Redemptions(found.store, ACCOUNT), found.exchange.market("fed-cut").condition_id
        found.exchange.operator.set_relaying(failing=1)
        assert "1 submitted, 0 redeemed" in holdfast("redeem run --account poly-1").out
        failed = records.all()[wanted]
        while not failed.is_given_up:
            failed = failed.failed("execution reverted", SystemClock().now_ms(), counts=True)
            records.close(failed)
        assert "given up: execution reverted" in holdfast("redeem list --account poly-1").out
        done = holdfast("redeem run --account poly-1")
        assert "1 submitted, 1 redeemed, 0 failed" in done.out
        again = records.all()[wanted]
        assert again.identity != failed.identity
        assert [row.payout for row in found.exchange.books("us").redemptions] == [25 * 10**10]


def test_venue_that_pays_by_itself_has_nothing_to_redeem(holdfast: Holdfast, account: str, local_aws: LocalAws) -> None:
    fields = {"key_id": "k", "private_key": private_pem(ed25519_key("us"))}
    local_aws.clients().secrets.create_secret(Name="holdfast/kalshi-1", SecretString=json.dumps(fields))
    refused = holdfast(f"redeem list --account {account}")
    assert refused.code == 2
    assert "kalshi pays by itself" in refused.error_line

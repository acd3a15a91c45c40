"""What `holdfast validate` says of an account's protection, as its jobs would see the switches."""

import pytest

from holdfast.state.parameters import SsmParameters
from local.aws.stand_in import LocalAws
from tests.cli.conftest import Holdfast


def test_the_defaults_need_no_mending(holdfast: Holdfast, account: str) -> None:
    """0.07 x 0.25 = 0.0175 in; 0.0175 x 0.24 = 0.0042 out at 0.60, 0.0172 at 0.43: 0.0783 against 0.1047, 57.3 %."""
    shown = holdfast("validate --account kalshi-1")
    assert shown.code == 0, shown.err
    assert shown.out.splitlines() == [
        "kalshi-1 (kalshi): bought at 0.5000, spread 0.0200, tick 0.0100, fee at most 0.0175",
        "  take profit 0.6000, stop 0.4300, soft stop 0.4300, hard stop 0.4000",
        "  nothing to mend",
        "  break-even: 57.3 % of trades must win (0.0783 won or 0.1047 lost a contract, after fees)",
    ]


def test_what_does_not_fit_is_said_and_the_exit_code_shows_errors_only(holdfast: Holdfast, account: str) -> None:
    assert holdfast("switches set hard_stop=0.14 --account kalshi-1").code == 0
    warned = holdfast("validate --account kalshi-1")
    assert warned.code == 0
    assert "warning: hard_stop 0.14: from 0.0200 to 0.0500 wider than the soft stop" in warned.out
    assert holdfast("switches set hard_stop=0.08 --account kalshi-1").code == 0
    refused = holdfast("validate --account kalshi-1")
    assert refused.code == 1
    assert "error: hard_stop 0.08" in refused.out
    assert "nothing to mend" not in refused.out


def test_without_an_account_every_one_is_checked_with_its_own_switches(holdfast: Holdfast, account: str) -> None:
    holdfast("accounts add poly --venue polymarket --environment production --secret s --region eu-west-1")
    assert holdfast("switches set take_profit=0.02 soft_stop=0.04 --account poly").code == 0
    shown = holdfast("validate")
    assert shown.code == 1
    kalshi, poly = shown.out.split("poly (polymarket)")
    assert "nothing to mend" in kalshi
    assert "error: soft_stop 0.04: no nearer than the bracket's own stop, which is 0.0700 away" in poly
    assert "warning: take_profit 0.02: at least the spread and 2 ticks, 0.0400" in poly


def test_price_spread_tick_and_atr_are_those_that_are_asked_about(holdfast: Holdfast, account: str) -> None:
    shown = holdfast("validate --account kalshi-1 --price 0.93 --spread 0.004 --tick 0.001")
    assert shown.code == 0
    assert "bought at 0.9300, spread 0.0040, tick 0.0010" in shown.out
    assert "take profit 0.9990, stop 0.8600" in shown.out
    assert holdfast("switches set stop_loss=1.8atr soft_stop=1.8atr hard_stop=3atr --account kalshi-1").code == 0
    missing = holdfast("validate --account kalshi-1")
    assert missing.code == 1
    assert missing.out.count("ATR is not known; entries are refused") == 3
    assert "break-even" not in missing.out
    known = holdfast("validate --account kalshi-1 --atr 0.02")
    assert "stop 0.4300, soft stop 0.4300, hard stop 0.4100" in known.out, "1.8 and 3 x 0.02, + 0.02 + 0.0175, snapped"


def test_a_trailing_stop_and_a_take_profit_of_ours_are_shown_as_they_are_set(holdfast: Holdfast, account: str) -> None:
    words = "switches set use_trailing_exit=true use_concurrent_orders=false --account kalshi-1"
    assert holdfast(words).code == 0
    shown = holdfast("validate --account kalshi-1")
    assert "trailing from 0.5500, 0.0400 below the best price since" in shown.out
    assert "0.0657 won" in shown.out, "the taker's 0.0168 at 0.60 instead of the maker's 0.0042"


def test_a_set_that_is_invalid_is_said_and_the_other_accounts_are_still_checked(
    holdfast: Holdfast, account: str, local_aws: LocalAws, stage: str
) -> None:
    holdfast("accounts add kalshi-2 --venue kalshi --environment demo --secret s")
    SsmParameters(local_aws.clients().ssm).write(f"/holdfast/{stage}/kalshi-1/hard_stop", "0.07")
    checked = holdfast("validate")
    assert checked.code == 1
    assert "/kalshi-1/hard_stop: '0.07' is not allowed" in checked.err
    assert "kalshi-1 (" not in checked.out
    assert "kalshi-2 (kalshi): bought at" in checked.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--account nobody", "nobody"),
        ("--price half", "entry price"),
        ("--price 1.20", "entry price"),
        ("--tick 0", "bands"),
        ("--spread 0.00001", "spread"),
    ],
)
def test_what_can_not_be_checked_is_refused(holdfast: Holdfast, account: str, words: str, said: str) -> None:
    refused = holdfast(f"validate {words}")
    assert refused.code == 2
    assert said in refused.error_line


def test_a_stage_without_accounts_says_how_to_add_one(holdfast: Holdfast) -> None:
    refused = holdfast("validate")
    assert refused.code == 2
    assert "holdfast accounts add" in refused.error_line

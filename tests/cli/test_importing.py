"""holdfast import: a bot's file on a Polymarket account, looked at first, done once."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.state.brackets import Brackets
from holdfast.state.ledger import Ledger
from local.aws.stand_in import LocalAws
from local.venues.polymarket import SCALE
from tests.cli.conftest import Holdfast
from tests.cli.redeemer import ACCOUNT, Redeemer, redeemer


@pytest.fixture
def holder(local_aws: LocalAws, stage: str) -> Iterator[Redeemer]:
    """25 shares of a token at 49 to 51 cents, which no job of Holdfast bought."""
    with redeemer(local_aws, stage) as made:
        made.exchange.deposit_shares("us", made.token, Decimal(25))
        cent, size = SCALE.price("0.01"), SCALE.size(500)
        made.exchange.apply_snapshot("fed-cut", [(49 * cent, size)], [(51 * cent, size)])
        yield made


def written(path: Path, holder: Redeemer, **given: object) -> str:
    row = {"token_id": holder.token, "outcome": "No", "size": 25, "entry_price": 0.512345, "stop_loss": "10%"}
    file = path / "positions.json"
    file.write_text(json.dumps({"positions": [row | given]}))
    return str(file)


def test_a_dry_run_shows_what_apply_then_does_once(holdfast: Holdfast, holder: Redeemer, tmp_path: Path) -> None:
    file = written(tmp_path, holder)
    brackets, ledger = Brackets(holder.store, ACCOUNT), Ledger(holder.store, ACCOUNT)
    shown = holdfast(f"import --account {ACCOUNT}", file)
    assert shown.code == 0, shown.err
    assert holder.token in shown.out
    assert "1 to import; nothing was written" in shown.out
    assert (brackets.open(), ledger.lines()) == ({}, [])
    assert "1 imported" in holdfast(f"import --account {ACCOUNT} --apply", file).out
    bracket = brackets.open()[holder.token]
    position = ledger.position(holder.token).position
    assert (position.size, bracket.entry.asked) == (25 * 10**6, 25 * 10**6)
    assert abs(position.cost - SCALE.money("12.808625")) <= 1, "as written, not as the price is rounded"
    assert bracket.levels.stop < bracket.entry.price < bracket.levels.take_profit
    again = holdfast(f"import --account {ACCOUNT} --apply", file)
    assert again.code == 0
    assert "known" in again.out
    assert "0 imported" in again.out
    assert (brackets.open()[holder.token], len(ledger.lines())) == (bracket, 1)
    assert holder.token in holdfast(f"brackets list --account {ACCOUNT}").out


def test_what_is_refused_says_why_and_fails_the_command(holdfast: Holdfast, holder: Redeemer, tmp_path: Path) -> None:
    done = holdfast(f"import --account {ACCOUNT} --apply", written(tmp_path, holder, size=30))
    assert done.code == 1
    assert "the file says 30, the venue shows 25" in done.out
    assert Brackets(holder.store, ACCOUNT).open() == {}


@pytest.mark.parametrize(("text", "said"), [("{", "readable JSON"), ('"none"', "list of positions")])
def test_a_file_that_is_none_is_one_line(
    holdfast: Holdfast, holder: Redeemer, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "positions.json"
    file.write_text(text)
    done = holdfast(f"import --account {ACCOUNT}", str(file))
    assert done.code == 2
    assert said in done.error_line
    assert holdfast(f"import --account {ACCOUNT}", str(tmp_path / "nowhere.json")).code == 2

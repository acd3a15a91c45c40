"""What no tick can use ends in the dead-letter queue by itself, and the account's ticks go on meanwhile."""

import pytest

from functions.brackets import handler
from holdfast.core.bracket import ExitSource
from holdfast.state.brackets import Brackets
from local.aws.stand_in import LocalAws
from tests.functions.deployed import Deployed, Queue, deployed_job
from tests.jobs.world import ACCOUNT


def bodies(deployed: Deployed) -> dict[str, str]:
    day_ms = 86_400_000
    return {
        "no JSON": "{broken",
        "no time": f'{{"account": "{ACCOUNT}", "scheduled_at": "soon"}}',
        "a day ahead": deployed.message(late_ms=-day_ms),
        "nobody's": deployed.message(account="nobody"),
    }


@pytest.mark.parametrize("what", ["no JSON", "no time", "a day ahead", "nobody's"])
def test_a_poisoned_message_stops_no_exit_and_is_a_dead_letter_after_two_deliveries(
    local_aws: LocalAws, stage: str, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    with deployed_job(handler, local_aws, stage, monkeypatch, markets=1) as deployed:
        queue = Queue(deployed.clients, f"{stage}-ticks")
        poison = bodies(deployed)[what]
        deployed.enter()
        deployed.made.book("M-1", 43, 45)
        deployed.made.clock.sleep_ms(5_000)
        queue.send(poison, deployed.message())
        queue.deliver(handler)
        assert queue.bodies() == [poison], "it is kept for a second delivery, the tick is done"
        (trade,) = Brackets(deployed.store, ACCOUNT).trades()
        assert (trade.source, trade.size) == (ExitSource.ARMED_STOP, 4_000)
        deployed.made.clock.sleep_ms(30_000)
        queue.send(deployed.message())
        while queue.deliver(handler):
            pass
        assert queue.dead() == [poison]
        assert deployed.made.resting() == []

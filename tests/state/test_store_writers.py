"""Several writers at one store, and both adapters side by side: the same history has the same outcome."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.clock import VirtualClock
from holdfast.core.errors import ConditionFailedError, InvalidInputError
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.memory import MemoryStore
from holdfast.state.port import Absent, AbsentOrAtMost, Check, Delete, Equals, Store, Table
from tests.state.items import NOW_S, key, put


def _all_at_once(workers: int, work: object) -> list[int]:
    barrier = Barrier(workers)

    def start(worker: int) -> int:
        barrier.wait()
        return int(work(worker))  # type: ignore[operator]

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(start, range(workers)))


def test_no_update_is_lost_between_eight_writers(store: Store) -> None:
    store.write(put(version=0, total=0))
    rounds = 6

    def add(_worker: int) -> int:
        done = conflicts = 0
        while done < rounds:
            item = store.get(key())
            assert item is not None
            version = item["version"]
            changed = put("s", Equals("version", version), version=version + 1, total=item["total"] + 1)
            try:
                # Every second time with a companion, so that rolled back transactions meet plain writes.
                store.write(changed) if done % 2 else store.transact([changed, put(f"mark{version}", Absent())])
                done += 1
            except ConditionFailedError:
                conflicts += 1
        return conflicts

    _all_at_once(8, add)
    assert store.get(key()) == {"pk": "p", "sk": "s", "version": 8 * rounds, "total": 8 * rounds}


def test_claim_is_won_once(store: Store) -> None:
    for turn in range(5):
        claim = f"claim{turn}"

        def take(worker: int, claim: str = claim) -> int:
            try:
                store.transact([put(claim, Absent(), owner=worker), put(f"{claim}-intent-{worker}", Absent())])
            except ConditionFailedError as lost:
                return 0 if lost.failed == (0,) else 100
            return 1

        assert sum(_all_at_once(8, take)) == 1
        winner = store.get(key(claim))
        assert winner is not None
        intents = store.query(Table.CONTROL, "p", f"{claim}-intent-")
        assert [item["sk"] for item in intents] == [f"{claim}-intent-{winner['owner']}"]


_sks = st.sampled_from(["a", "b", "c"])
_conditions = st.one_of(
    st.none(),
    st.just(Absent()),
    st.builds(Equals, st.just("n"), st.integers(0, 2)),
    st.builds(AbsentOrAtMost, st.just("n"), st.integers(0, 2)),
)
_puts = st.builds(
    lambda sk, n, ttl, condition: put(sk, condition, n=n, **({"ttl": NOW_S + ttl} if ttl else {})),
    _sks,
    st.integers(0, 2),
    st.sampled_from([0, 0, -1, 5]),
    _conditions,
)
_deletes = st.builds(lambda sk, condition: Delete(key(sk), condition), _sks, _conditions)
_checks = st.builds(
    lambda sk, condition: Check(key(sk), condition), _sks, _conditions.filter(lambda condition: condition is not None)
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.one_of(_puts, _deletes, _checks), min_size=1, max_size=3), max_size=8))
def test_adapters_agree_on_any_history(dynamo: DynamoStore, clock: VirtualClock, history: list[list[object]]) -> None:
    for item in dynamo.query(Table.CONTROL, "p"):
        dynamo.write(Delete(key(item["sk"])))
    for sk in "abc":
        dynamo.write(Delete(key(sk)))
    memory = MemoryStore(clock)

    def result_of(store: Store, writes: list[object]) -> object:
        try:
            store.transact(writes)  # type: ignore[arg-type]
        except ConditionFailedError as lost:
            return lost.failed
        except InvalidInputError:
            return "refused"
        return "done"

    for writes in history:
        assert result_of(dynamo, writes) == result_of(memory, writes)
        assert dynamo.query(Table.CONTROL, "p") == memory.query(Table.CONTROL, "p")
        clock.sleep_ms(1_000)

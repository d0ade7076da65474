"""A log that somebody has changed: whatever one document says, it is refused in words, or nothing breaks by it."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from stepsweep.bucket.plans import plan_of_state
from stepsweep.bucket.s3 import document_of
from stepsweep.bucket.search_log import applied, state_at
from stepsweep.contract import endings, keys
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.free_running import choose
from stepsweep.contract.search_state import SearchState
from tests.support.life import FAILED, Life, life_of, succeeded
from tests.support.specs import as_number

HOSTILE: list[Any] = [
    *(None, True, -1, 7, 10**400, float("nan"), float("inf"), 0.5),
    *("", "../../x", "\x1b[31m\n", [], {}, [[]], [None], [1, 2, 3], [[1, "x"]], {"..": 1}),
]
EACH = 5
"""Of so many wrong values a place gets one. With all of them at all places nothing else was found, in half a minute."""


class Stored:
    """A bucket in memory."""

    def __init__(self, documents: dict[str, bytes]) -> None:
        self.documents = documents

    def get(self, key: str, *, at_most: int | None = None) -> bytes | None:
        return self.documents.get(key, b"")[:at_most] or None

    def get_json(self, key: str) -> Any:
        data = self.documents.get(key)
        return None if data is None else document_of(key, data)

    def state(self) -> SearchState:
        found = state_at(self, "s", self.documents)
        assert found is not None
        return found

    def put(self, key: str, document: object) -> None:
        self.documents[key] = json.dumps(document).encode()


@pytest.fixture(scope="module")
def life() -> Life:
    life = life_of(2, 5, halving={"min_epochs": 1, "factor": 2}, epochs=4, stop={"metric_reached": 9})
    for number in range(7):
        worker, (_, task) = next(iter(life.tasks.items()))
        life.ends(
            worker, FAILED if number == 3 else succeeded(as_number(task.params["lr"]), life.spec.rungs[task.rung])
        )
    return life


@pytest.fixture
def stored(life: Life) -> Stored:
    """The log, and a snapshot of its first five events."""
    stored, state = Stored({}), None
    for number, event in enumerate(life.log):
        stored.put(keys.event_key("s", number), event.to_json())
        state = applied(state, event, where="log") if number < 5 else state
    assert state is not None
    stored.put(keys.snapshot_key("s"), state.to_json())
    return stored


def places(document: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the path of each value, of a list the first two."""
    if at and "spec" not in at[:-1]:  # specs have tests of their own
        yield at
    inside = document.items() if isinstance(document, dict) else enumerate(document[:2])
    for name, value in inside:
        if isinstance(value, dict | list):
            yield from places(value, (*at, name))
        else:
            yield (*at, name)


def changed(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    new = copy.deepcopy(document)
    inside = new
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = value
    return new


@pytest.mark.parametrize("name", ["log/00000000", "log/00000002", "snapshot"])
def test_a_value_that_is_wrong_is_refused_in_words_or_breaks_nothing(stored: Stored, name: str) -> None:
    key = f"sweeps/s/{name}.json"
    if name.startswith("log/"):
        del stored.documents[keys.snapshot_key("s")]
    document = stored.get_json(key)
    said = []
    for number, place in enumerate(places(document)):
        for value in HOSTILE[number % EACH :: EACH]:
            stored.put(key, changed(document, place, value))
            try:
                state = stored.state()
                endings.of_state(state)
                plan_of_state(state.ended())
                json.dumps(state.to_json(), allow_nan=False)
                choose(state.copy(), None, hours=0.0)
            except InvalidDocument as error:
                said.append(str(error))
    assert len(said) > 50
    assert [each for each in said if "sweeps/s/" not in each or not each.isprintable()] == []


@pytest.mark.parametrize(
    ("number", "place", "value", "fault"),
    [
        (0, ("leg",), 1, "it begins leg 1, and 0 is the next one"),
        (0, ("workers",), 0, "0 workers cannot have been told 2 first tasks"),
        (0, ("workers",), 10_001, "10001 workers cannot have been told 2 first tasks"),
        (0, ("first", 0, "task", "params"), {"lr": 2.0}, "candidate 0 cannot begin: lr is never 2 by"),
        (0, ("first", 0, "task", "params"), {"lr": 0.5, "x": 1}, "candidate 0 cannot begin: there is no parameter `x`"),
        (0, ("first", 0, "task", "rung"), 1, "candidate 0 cannot begin on rung 1"),
        (1, ("leg",), 1, "leg 1 has no worker 0"),
        (1, ("worker",), 2, "leg 0 has no worker 2"),
        (1, ("turn",), 0, "worker 0 was told its turn 0 before"),
        (1, ("ended", "by_objective"), [1.0, 2.0], "ended: by_objective: 2 values of 1 objectives"),
        (1, ("ended", "job_seconds"), -3600, "ended: job_seconds: must be 0 or more, got -3600"),
        (1, ("choice", "passed"), [1], "candidate 1 cannot be promoted from rung 0"),
        (1, ("choice", "task", "candidate"), 9, "there is no trial 0 of candidate 9; 2 have begun"),
        (1, ("choice", "task", "member"), 1, "there is no trial 1 of candidate"),
    ],
)
def test_what_no_worker_can_have_said_is_named(
    stored: Stored, number: int, place: tuple[Any, ...], value: Any, fault: str
) -> None:
    del stored.documents[keys.snapshot_key("s")]
    key = keys.event_key("s", number)
    stored.put(key, changed(stored.get_json(key), place, value))
    with pytest.raises(InvalidDocument) as caught:
        stored.state()
    assert str(caught.value).startswith(f"{key}: {fault}")


def test_a_trial_that_another_worker_trains_is_given_to_nobody_else(stored: Stored) -> None:
    del stored.documents[keys.snapshot_key("s")]
    key = keys.event_key("s", 1)
    of_the_other = stored.get_json(keys.event_key("s", 0))["first"][1]["task"]
    stored.put(key, changed(stored.get_json(key), ("choice", "task"), of_the_other))
    with pytest.raises(InvalidDocument, match="trial 0 of candidate 1 is trained already, or has ended"):
        stored.state()


def test_an_event_that_is_missing_is_named(stored: Stored) -> None:
    for key in (keys.snapshot_key("s"), keys.event_key("s", 3)):
        del stored.documents[key]
    with pytest.raises(InvalidDocument, match=r"sweeps/s/log/00000003\.json: is missing, and later events are there"):
        stored.state()


def test_an_event_whose_listing_came_too_early_is_read_the_next_time(stored: Stored, life: Life) -> None:
    """A listing during a write has a later event, and not the one before it."""
    listed = {key for key in stored.documents if key not in (keys.snapshot_key("s"), keys.event_key("s", 3))}
    state = state_at(stored, "s", listed)
    assert state is not None
    assert state.events == 3
    assert stored.state().events == len(life.log)
    state = state_at(stored, "s", stored.documents.keys() - {keys.event_key("s", 6)})
    assert state is not None
    assert state.events == 6, "the snapshot knows five, and one more was listed before the gap"


def test_a_snapshot_that_knows_more_than_the_log_is_named(stored: Stored) -> None:
    for number in range(4, 8):
        del stored.documents[keys.event_key("s", number)]
    with pytest.raises(
        InvalidDocument, match=r"snapshot\.json: events: it knows 5, and the last of them, .* is missing"
    ):
        stored.state()


@pytest.mark.parametrize(
    "name", ["1.json", "000000001.json", "00000001.JSON", "99999999999999.txt", "../log/00000009.json"]
)
def test_other_objects_beside_the_log_are_no_events(stored: Stored, life: Life, name: str) -> None:
    stored.documents[keys.events_prefix("s") + name] = b"\x1b[31m"
    assert stored.state().events == len(life.log)


def test_an_event_of_the_far_future_does_not_fill_the_memory(stored: Stored) -> None:
    stored.put(keys.event_key("s", 10**15), {})
    with pytest.raises(InvalidDocument, match=r"00000008\.json: is missing"):
        stored.state()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "is empty"),
        (b"[" * 100_000, "is not JSON (nested too deeply)"),
        (b'{"schema": 1, "ev', "is not JSON (Unterminated string"),
        (b"\xff\xfe", "is not JSON ("),
    ],
    ids=["empty", "brackets", "half", "no text"],
)
@pytest.mark.parametrize("name", ["log/00000002", "snapshot"])
def test_half_a_document_is_named(stored: Stored, name: str, data: bytes, fault: str) -> None:
    stored.documents[f"sweeps/s/{name}.json"] = data
    del stored.documents[keys.snapshot_key("s") if name != "snapshot" else keys.event_key("s", 7)]
    with pytest.raises(InvalidDocument) as caught:
        stored.state()
    assert str(caught.value).startswith(f"sweeps/s/{name}.json: {fault}")


def test_a_log_that_begins_with_an_answer_is_refused(stored: Stored) -> None:
    del stored.documents[keys.snapshot_key("s")]
    first = keys.event_key("s", 0)
    stored.put(first, stored.get_json(keys.event_key("s", 1)))
    with pytest.raises(InvalidDocument) as caught:
        stored.state()
    assert str(caught.value) == f"{first}: a log starts with the event that begins a leg"


def test_a_leg_whose_search_has_ended_has_no_worker_and_is_read(stored: Stored) -> None:
    life = life_of(1, 3, stop={"metric_reached": 0.0})
    life.to_the_end()
    life.begin(execution="two")
    began = life.log[-1].to_json()
    assert (began["workers"], [choice["task"] for choice in began["first"]]) == (0, [None])
    stored.documents.clear()
    for number, event in enumerate(life.log):
        stored.put(keys.event_key("s", number), event.to_json())
    assert stored.state().ended_by.startswith("stop.metric_reached")


def test_there_are_as_many_workers_as_a_map_runs_at_once(stored: Stored) -> None:
    del stored.documents[keys.snapshot_key("s")]
    key = keys.event_key("s", 0)
    stored.put(key, changed(stored.get_json(key), ("workers",), 10_000))
    assert stored.state().began.workers == 10_000


def test_nobody_is_promoted_from_the_last_rung(stored: Stored) -> None:
    life = life_of(1, 2, halving={"min_epochs": 1, "factor": 2}, epochs=2)
    life.to_the_end()
    (top,) = [number for number, rung in enumerate(life.rungs) if rung == 1]
    stored.documents.clear()
    for number, event in enumerate(life.log):
        stored.put(keys.event_key("s", number), event.to_json())
    last = keys.event_key("s", len(life.log) - 1)
    stored.put(last, changed(stored.get_json(last), ("choice", "passed"), [top]))
    with pytest.raises(InvalidDocument, match=f"candidate {top} cannot be promoted from rung 1"):
        stored.state()


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        (("leg",), 0, "it begins leg 0, and 1 is the next one"),
        (("leg",), 2, "it begins leg 2, and 1 is the next one"),
        (("spec", "seed"), 7, "its spec asks for other trials than that of the leg before"),
    ],
)
def test_a_leg_that_cannot_follow_is_named(stored: Stored, place: tuple[Any, ...], value: Any, fault: str) -> None:
    life = life_of(1, 3)
    life.to_the_end()
    life.begin(execution="two")
    stored.documents.clear()
    for number, event in enumerate(life.log):
        stored.put(keys.event_key("s", number), event.to_json())
    last = keys.event_key("s", len(life.log) - 1)
    stored.put(last, changed(stored.get_json(last), place, value))
    with pytest.raises(InvalidDocument) as caught:
        stored.state()
    assert str(caught.value) == f"{last}: {fault}"


def test_a_rung_that_is_left_out_is_named(stored: Stored, life: Life) -> None:
    del stored.documents[keys.snapshot_key("s")]
    tasks = {
        number: stored.get_json(keys.event_key("s", number))["choice"]["task"] for number in range(1, len(life.log))
    }
    number, climbs = next((number, task) for number, task in tasks.items() if task and task["rung"] == 1)
    key = keys.event_key("s", number)
    stored.put(key, changed(stored.get_json(key), ("choice", "task", "rung"), 2))
    with pytest.raises(InvalidDocument, match=f"candidate {climbs['candidate']} is on rung 0, not on 2"):
        stored.state()

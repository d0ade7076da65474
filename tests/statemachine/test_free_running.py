"""A free-running search through the functions, as the state machine calls them, on a bucket of moto's."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stepsweep.bucket.records import Records
from stepsweep.bucket.search_log import LOGS_KEPT, SNAPSHOT_EVERY, KeptLogs, SearchLog, state_at
from stepsweep.contract import keys
from stepsweep.contract.attempts import spent_seconds
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.jobs import NO_JOB_STARTED
from stepsweep.contract.metrics import to_csv
from stepsweep.contract.spec import SweepSpec
from stepsweep.statemachine import asker, kept
from tests.support.functions import Cloud, as_lambda_does, attempts, job_description

SPEC: dict[str, Any] = {
    "parameters": {"lr": {"low": 0.001, "high": 1, "log": True}},
    "search": {"method": "random", "trials": 6},
    "rounds": False,
    "epochs": 1,
    "name": "s",
}


@dataclass
class Workers:
    """The workers of a leg, each a state as the Map's children have it."""

    cloud: Cloud
    states: list[dict[str, Any]]
    execution: str = "execution-1"
    trained: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, cloud: Cloud, *, execution: str = "execution-1", part: int = 0, **fields: Any) -> "Workers":
        planned = cloud.plan({**SPEC, **fields}, execution=execution, round_number=part)
        assert "fault" not in planned, planned
        states = cloud.bucket.get_json(planned["to_run_key"]) if planned["to_run"] else []
        return cls(cloud=cloud, states=states, execution=execution)

    def ask(self, number: int, ended: dict[str, Any]) -> dict[str, Any]:
        question = {**self.states[number]["question"], "ended": ended}
        self.states[number] = as_lambda_does(asker.handler, question)
        return self.states[number]

    def lr(self, number: int) -> float:
        command = self.states[number]["command"]
        return float(command[command.index("--lr") + 1])

    def train(self, number: int, *, fails: bool = False) -> dict[str, Any]:
        """Plays the job of a worker, and asks what is next."""
        state = self.states[number]
        self.trained.append(state["trial_id"])
        if fails:
            return self.ask(number, {"failure": {"Error": "States.TaskFailed", "Cause": "no memory"}})
        options = dict(zip(state["command"][::2], state["command"][1::2], strict=True))
        epochs = int(options["--epochs"])
        rows = [{"epoch": n, "val_accuracy": float(options["--lr"])} for n in range(1, epochs + 1)]
        uri = next(each["Value"] for each in state["environment"] if each["Name"] == keys.METRICS_URI)
        self.cloud.bucket.put(uri.removeprefix(keys.uri(self.cloud.bucket.name, "")), to_csv(rows), "text/csv")
        return self.ask(number, {"job": {"job_id": "j", "attempts": attempts(1.0)}})

    def to_the_end(self) -> None:
        while waiting := [number for number, state in enumerate(self.states) if state["do"] != "end"]:
            for number in waiting:
                if self.states[number]["do"] == "train":
                    self.train(number)
                else:
                    self.ask(number, {})

    def reduce(self, leg: int = 0, part: int = 0) -> dict[str, Any]:
        return self.cloud.reduce(round_number=part, leg=leg, execution=self.execution)


def log(cloud: Cloud) -> list[dict[str, Any]]:
    return [json.loads(data) for key, data in cloud.objects().items() if key.startswith(keys.events_prefix("s"))]


def test_workers_train_all_trials_and_the_best_wins(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=2)
    assert [state["do"] for state in workers.states] == ["train", "train"]
    workers.to_the_end()
    assert len(set(workers.trained)) == len(workers.trained) == 6
    output = workers.reduce()["output"]
    assert output["outcomes"] == {"SUCCEEDED": 6, "FAILED": 0, "MISSING": 0, "INVALID": 0}
    assert output["winner"]["value"] == max(place["value"] for place in output["best"])
    assert output["cost"]["job_seconds"] == 6 * 3600
    assert cloud.bucket.has(output["plan_key"])
    assert [event["event"] for event in log(cloud)] == ["began", *["asked"] * 6]
    assert {event["ended"]["epoch"] for event in log(cloud)[1:]} == {output["winner"]["epoch"]}


def test_metrics_that_were_damaged_since_are_brought_back_from_a_copy_since_nothing_trains_them_again(
    cloud: Cloud,
) -> None:
    workers = Workers.of(cloud, max_concurrency=2)
    workers.to_the_end()
    trained = workers.trained[0]
    cloud.bucket.put(keys.metrics_key(trained, 1), b"", "text/csv")
    workers.reduce()
    results = cloud.bucket.get_json(keys.free_results_key("s"))["results"]
    (reason,) = (each["reason"] for each in results if each["status"] == "INVALID")
    assert reason == "the file is empty; if the trial wrote another metrics-e1.csv, bring that back from a copy"


@pytest.mark.parametrize(
    ("data", "cause", "is_blamed_on_its_params"),
    [
        (b"epoch,val_accuracy\n1,nan\n", "diverged", True),
        (b"epoch,loss\n1,0.5\n", None, False),
    ],
)
def test_the_model_is_told_that_a_trial_diverged_and_not_that_its_metrics_break_the_contract(
    cloud: Cloud, data: bytes, cause: str | None, is_blamed_on_its_params: bool
) -> None:
    workers = Workers.of(cloud, max_concurrency=1)
    cloud.bucket.put(keys.metrics_key(workers.states[0]["trial_id"], 1), data, "text/csv")
    workers.ask(0, {"job": {"job_id": "j", "attempts": attempts(1.0)}})
    _, asked = log(cloud)
    assert (asked["ended"]["status"], asked["ended"]["cause"]) == ("INVALID", cause)
    state = SearchLog.read(cloud.bucket, "s").state
    assert state is not None
    (reached,) = state.candidates[0].reached
    assert reached.diverged is is_blamed_on_its_params


def test_there_are_as_many_workers_as_the_machines_hold_of_jobs(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.JOBS_AT_ONCE, "3")
    assert len(Workers.of(cloud).states) == 3


def test_a_question_that_is_asked_again_is_given_the_same_trial(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1)
    question = workers.states[0]["question"]
    first = workers.train(0)
    again = as_lambda_does(asker.handler, {**question, "ended": {"job": {"job_id": "j", "attempts": attempts(1.0)}}})
    assert again == first
    assert len(log(cloud)) == 2


def test_an_environment_asks_for_nothing_that_it_knows(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1)
    workers.train(0)
    trained = workers.states[0]["trial_id"]
    asked: list[str] = []

    def count(params: dict[str, Any], model: Any, **_: Any) -> None:
        key = params["url_path"].removeprefix(f"/{cloud.bucket.name}/").removeprefix("/")
        asked.append(f"{model.http['method']} {key}")

    events = kept.s3().meta.events
    events.register("before-call.s3", count, unique_id="count")
    try:
        workers.train(0)
    finally:
        events.unregister("before-call.s3", count, unique_id="count")
    assert asked == [
        f"PUT {keys.metrics_key(trained, 1)}",  # its job
        f"GET {keys.event_key('s', 2)}",
        f"PUT {keys.outcome_key('s', 0, trained)}",
        f"GET {keys.metrics_key(trained, 1)}",
        f"PUT {keys.event_key('s', 2)}",
        f"HEAD {keys.metrics_key(workers.states[0]['trial_id'], 1)}",
    ]


def test_an_environment_that_knows_an_old_part_of_the_log_reads_on(cloud: Cloud) -> None:
    workers, one, two = Workers.of(cloud, max_concurrency=3), KeptLogs(), KeptLogs()
    for number, logs in ((0, one), (1, two), (2, two), (0, one), (1, two), (2, one)):
        cloud.monkeypatch.setattr(kept, "logs", lambda logs=logs: logs)
        workers.train(number)
    assert [event["choice"]["task"] is None for event in log(cloud)[1:]] == [False] * 3 + [True] * 3
    assert len(set(workers.trained)) == 6


def test_a_sweep_that_is_deleted_and_made_again_is_not_taken_for_the_one_before(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1)
    for _ in range(3):
        late = workers.states[0]["question"]
        workers.train(0)
    for key in cloud.objects():
        if key.startswith(keys.sweep_prefix("s")):
            cloud.s3.delete_object(Bucket=cloud.bucket.name, Key=key)
    again = Workers.of(cloud, execution="two", max_concurrency=1, parameters={"lr": [0.1, 0.2, 0.3]}, search="grid")
    again.train(0)
    kept.logs.cache_clear()
    assert as_lambda_does(asker.handler, {**late, "ended": {}})["do"] == "end", "a question of the deleted one"
    again.to_the_end()
    assert len(again.trained) == 3
    assert again.reduce()["output"]["outcomes"]["SUCCEEDED"] == 3
    assert {event.get("execution", "two") for event in log(cloud)} == {"two"}


def test_two_sweeps_at_once_are_two_in_one_environment(cloud: Cloud) -> None:
    both = [
        Workers.of(cloud, name=name, max_concurrency=1, parameters={"lr": choices}, search="grid")
        for name, choices in (("s", [0.1, 0.2, 0.3]), ("t", [0.4, 0.5, 0.6]))
    ]
    for _ in range(3):
        for workers in both:
            workers.train(0)
    assert [workers.states[0]["do"] for workers in both] == ["end", "end"]
    winners = [cloud.reduce(name, leg=0)["output"]["winner"]["params"] for name in ("s", "t")]
    assert winners == [{"lr": 0.3}, {"lr": 0.6}]


def test_a_resumed_sweep_is_asked_by_its_new_plan(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers.of(cloud, max_concurrency=1)
    workers.train(0)
    monkeypatch.setenv(keys.TRAINER_VERSION, "trainer-2")
    stop = {"metric_reached": 1e-9}
    again = Workers.of(cloud, execution="two", max_concurrency=1, accept_trainer=True, stop=stop)
    assert again.train(0)["do"] == "end"
    assert again.reduce(leg=1)["output"]["ended_by"].startswith("stop.metric_reached")
    assert again.trained[0] not in workers.trained


def test_a_question_of_an_earlier_version_is_answered(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1)
    for _ in range(2):
        del workers.states[0]["question"]["execution"]
        assert workers.train(0)["do"] == "train"


def test_a_log_of_which_an_event_cannot_be_read_is_not_kept(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1)
    workers.train(0)
    key = keys.event_key("s", 2)
    cloud.bucket.put(key, b"[]", "application/json")
    for _ in range(2):
        with pytest.raises(InvalidDocument, match=key):
            workers.train(0)
    cloud.s3.delete_object(Bucket=cloud.bucket.name, Key=key)
    assert workers.train(0)["do"] == "train"


def test_only_the_logs_that_were_used_last_are_kept(cloud: Cloud) -> None:
    logs, found = KeptLogs(), {}
    names = [f"s{number}" for number in range(LOGS_KEPT + 1)]
    for name in names:
        Workers.of(cloud, name=name)
        with logs.of(cloud.bucket, name, execution="one") as found[name]:
            pass
    for name, is_kept in ((names[-1], True), (names[0], False)):
        with logs.of(cloud.bucket, name, execution="one") as again:
            assert (again is found[name]) is is_kept


def test_two_workers_at_the_same_number_get_two_trials(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first has read the log, and before it writes, the second has asked and was answered."""
    workers = Workers.of(cloud, max_concurrency=2)
    append, waiting = SearchLog.append, [1]

    def after_the_other(self: SearchLog, event: Any) -> None:
        if waiting:
            workers.train(waiting.pop())
        append(self, event)

    monkeypatch.setattr(SearchLog, "append", after_the_other)
    workers.train(0)
    assert {state["do"] for state in workers.states} == {"train"}
    assert workers.states[0]["trial_id"] != workers.states[1]["trial_id"]
    assert [event["worker"] for event in log(cloud)[1:]] == [1, 0]


def test_a_write_whose_answer_was_lost_is_found_in_the_log(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK repeats a write that S3 has done, and S3 refuses it: the event there is one's own."""
    workers = Workers.of(cloud, max_concurrency=1)
    bucket = type(cloud.bucket)
    put, lost = bucket.put_json_if_free, [True]

    def answer_lost(self: Any, key: str, document: object) -> bool:
        if lost:
            assert put(self, key, document)
            lost.pop()
        return put(self, key, document)

    monkeypatch.setattr(bucket, "put_json_if_free", answer_lost)
    told = workers.train(0)
    assert told["do"] == "train"
    assert len(log(cloud)) == 2


def test_a_worker_that_fails_for_good_leaves_its_trial_to_the_next_leg(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=2)
    left = workers.states[0]["trial_id"]
    workers.train(1)
    workers.states[0] = {"do": "end"}
    workers.to_the_end()
    assert workers.reduce() == {"another_round": True, "sweep": "s", "round": 1, "ask": False}
    others = Workers.of(cloud, part=1)
    assert [state["trial_id"] for state in others.states] == [left]
    others.to_the_end()
    assert others.reduce(leg=1, part=1)["output"]["outcomes"]["SUCCEEDED"] == 6


def test_a_leg_that_got_nowhere_is_the_last_one(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1)
    answer = workers.reduce()
    assert "1 MISSING" in answer["fault"]
    assert "it has no recorded outcome" in answer["fault"]


def test_when_every_worker_fails_before_it_asks_the_search_ends_and_says_so(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1)
    workers.train(0)
    assert workers.reduce()["another_round"]
    output = Workers.of(cloud, part=1, max_concurrency=1).reduce(leg=1, part=1)["output"]
    assert (
        output["ended_by"]
        == "every worker failed before it could ask for its next trial; 4 sets of params were not tried"
    )
    assert output["outcomes"]["SUCCEEDED"] == 1


def test_when_no_job_of_a_leg_starts_the_search_ends_with_the_reason(cloud: Cloud) -> None:
    Workers.of(cloud, max_concurrency=2)
    answer = cloud.reduce(leg=0, ended={"Error": NO_JOB_STARTED, "Cause": "no quota for machines"})
    assert answer["another_round"] is False
    assert "2x no quota for machines" in answer["fault"]


def test_the_planner_that_runs_twice_begins_one_leg(cloud: Cloud) -> None:
    first, again = Workers.of(cloud), Workers.of(cloud)
    assert first.states == again.states
    assert len(log(cloud)) == 1


def test_a_sweep_that_is_started_again_trains_what_is_left_and_what_failed(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1)
    workers.train(0)
    failed, left = workers.states[0]["trial_id"], workers.train(0, fails=True)["trial_id"]
    late = workers.states[0]["question"]
    again = Workers.of(cloud, execution="two", max_concurrency=2)
    assert [state["trial_id"] for state in again.states] == [failed, left]
    assert as_lambda_does(asker.handler, {**late, "ended": {}})["do"] == "end", (
        "a question of an execution that is over"
    )
    again.to_the_end()
    assert len(again.trained) == 5
    assert again.reduce(leg=1)["output"]["outcomes"]["SUCCEEDED"] == 6
    assert Workers.of(cloud, execution="three").states == []


def test_the_jobs_of_trials_that_are_trained_again_count(cloud: Cloud) -> None:
    failure = {"Error": "States.TaskFailed", "Cause": json.dumps({"Attempts": attempts(2.0)})}
    Workers.of(cloud, max_concurrency=1).ask(0, {"failure": failure})
    again = Workers.of(cloud, execution="two", max_concurrency=1)
    again.to_the_end()
    seconds = again.reduce(leg=1)["output"]["cost"]["job_seconds"]
    found = Records(cloud.bucket).outcomes(dict.fromkeys(cloud.objects(), datetime.now(UTC)))  # type: ignore[arg-type]
    assert spent_seconds(found.values()) == seconds == 3600 * (2 + len(again.trained)), "on the page as in the output"


def test_of_two_executions_of_a_sweep_the_later_one_goes_on_and_the_other_names_no_winner(cloud: Cloud) -> None:
    """Two people start it at the same moment, or somebody without `sweep`."""
    first = Workers.of(cloud, max_concurrency=1)
    first.train(0)
    second = Workers.of(cloud, execution="two", max_concurrency=1)
    answer = first.reduce()
    assert answer == {"another_round": True, "sweep": "s", "round": 1, "ask": False}, "another one's leg is no end"
    refused = cloud.plan(SPEC, execution="execution-1", round_number=1)["fault"]
    assert refused.startswith("name: the execution two was started for the sweep s too, and goes on with it")
    assert len(log(cloud)) == 3, "nothing is begun for it"
    second.to_the_end()
    assert second.reduce(leg=1)["output"]["outcomes"]["SUCCEEDED"] == 6


def test_what_another_execution_has_found_while_a_leg_ends_stays(cloud: Cloud) -> None:
    """The first one was stopped, which does not end its function."""
    first = Workers.of(cloud, max_concurrency=1)
    first.train(0, fails=True)
    first.to_the_end()
    ended: dict[str, bytes] = {}

    def again() -> None:
        second = Workers.of(cloud, execution="two", max_concurrency=1)
        second.to_the_end()
        assert second.reduce(leg=1)["output"]["outcomes"]["SUCCEEDED"] == 6
        ended.update(cloud.objects())

    with cloud.just_before("GetObject", keys.metrics_key(first.trained[-1], 1), again):
        answer = first.reduce()
    assert answer == {"another_round": True, "sweep": "s", "round": 1, "ask": False}
    assert cloud.objects() == ended


def test_trials_of_another_sweep_are_not_trained_again(cloud: Cloud) -> None:
    Workers.of(cloud, name="earlier", max_concurrency=1).to_the_end()
    workers = Workers.of(cloud, max_concurrency=2, search={"method": "random", "trials": 8})
    first = [workers.ask(number, {})["do"] for number in range(2)]
    assert first == ["train", "train"], "one question passes over all that are trained"
    workers.to_the_end()
    assert len(workers.trained) == 2
    assert workers.reduce()["output"]["outcomes"]["SUCCEEDED"] == 8


def test_halving_promotes_and_each_rung_has_its_outcome(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=2, epochs=9, halving={"min_epochs": 1, "factor": 3})
    workers.to_the_end()
    output = workers.reduce()["output"]
    assert output["best"][0]["value"] == max(place["value"] for place in output["best"])
    for rung in range(3):
        assert cloud.bucket.has(keys.outcome_key("s", rung, output["winner"]["trial_id"]))


def test_a_winner_of_a_lower_rung_says_why(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1, epochs=9, halving={"min_epochs": 1, "factor": 3})
    while (state := workers.states[0])["do"] != "end":
        workers.train(0, fails=state["command"][state["command"].index("--epochs") + 1] != "1")
    assert workers.reduce()["output"]["winner"]["fewer_epochs"] == (
        "The winner was trained for 1 of 9 epochs: no trial that was promoted further succeeded."
    )


def test_a_model_proposes_where_nine_outcomes_are_known(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=2, search={"method": "tpe", "trials": 12})
    workers.to_the_end()
    seen = [event["seen"] for event in log(cloud)[1:] if event["choice"]["task"]]
    assert seen[:7] == [None] * 7
    assert seen[-2:] == [9, 10]


def test_a_snapshot_says_what_the_events_before_it_say(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=2, search={"method": "random", "trials": 2 * SNAPSHOT_EVERY + 3})
    workers.to_the_end()
    names = list(cloud.objects())
    snapshot = cloud.bucket._s3.get_object(Bucket=cloud.bucket.name, Key=keys.snapshot_key("s"))
    assert snapshot["ContentType"] == "application/json"
    from_snapshot = SearchLog.read(cloud.bucket, "s").state
    events_only = [name for name in names if name != keys.snapshot_key("s")]
    from_nothing = state_at(cloud.bucket, "s", dict.fromkeys(events_only))
    assert from_snapshot is not None
    assert from_nothing is not None
    assert json.dumps(from_snapshot.to_json()) == json.dumps(from_nothing.to_json())


def test_another_trainer_is_refused_unless_it_is_accepted(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    Workers.of(cloud, max_concurrency=1).to_the_end()
    monkeypatch.setenv(keys.TRAINER_VERSION, "trainer-2")
    assert "has changed since the sweep" in cloud.plan(SPEC, execution="two")["fault"]
    workers = Workers.of(cloud, execution="two", accept_trainer=True)
    workers.to_the_end()
    assert len(workers.trained) == 6


def test_the_worker_whose_question_meets_a_rule_has_the_others_ended_and_a_resumed_sweep_trains_them(
    cloud: Cloud,
) -> None:
    stop = {"max_trials_without_improvement": 1, "running": "end"}
    workers = Workers.of(cloud, max_concurrency=3, stop=stop)
    best, worse, ended = sorted(range(3), key=lambda number: -workers.lr(number))
    workers.train(best)
    question = workers.states[worse]["question"]
    told = workers.train(worse)
    why = told["why"]
    assert told["do"] == "stop"
    assert why.startswith("ended with the search: stop.max_trials_without_improvement: 1 trial ended since")
    assert as_lambda_does(asker.handler, question) == told, "a question that is asked again is answered the same"
    for number in (best, ended):
        cause = job_description(exit_code=137, status_reason=why)
        assert workers.ask(number, {"failure": {"Error": "States.TaskFailed", "Cause": cause}})["do"] == "end"
    output = workers.reduce()["output"]
    assert output["outcomes"] == {"SUCCEEDED": 2, "FAILED": 0, "MISSING": 2, "INVALID": 0}
    assert output["reasons"] == [{"reason": why, "trials": 2}]

    again = Workers.of(cloud, execution="two", max_concurrency=3)
    again.to_the_end()
    assert len(again.trained) == 4, "those that were ended, and those that had not begun"
    assert again.reduce(leg=1)["output"]["outcomes"]["SUCCEEDED"] == 6


def test_a_trial_that_ended_before_it_was_ended_counts(cloud: Cloud) -> None:
    stop = {"max_hours": 1e-9, "running": "end"}
    workers = Workers.of(cloud, max_concurrency=2, stop=stop)
    assert [workers.train(number)["do"] for number in (0, 1)] == ["stop", "end"]
    assert workers.reduce()["output"]["outcomes"]["SUCCEEDED"] == 2


def test_a_rule_ends_the_search_and_the_output_says_which(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1, stop={"max_trials_without_improvement": 1}, rounds=None)
    workers.to_the_end()
    output = workers.reduce()["output"]
    assert output["ended_by"].startswith("stop.max_trials_without_improvement: 1 trial ended")
    assert output["outcomes"]["SUCCEEDED"] == len(workers.trained) < 6


def test_before_the_first_value_no_trial_counts_as_no_improvement(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1, stop={"max_trials_without_improvement": 2})
    assert [workers.train(0, fails=True)["do"] for _ in range(3)] == ["train"] * 3
    workers.train(0)
    workers.train(0, fails=True)
    assert workers.train(0, fails=True)["do"] == "end"
    ended_by = workers.reduce()["output"]["ended_by"]
    assert ended_by == "stop.max_trials_without_improvement: 2 trials ended since the best value was found"


def test_a_rule_that_ends_a_search_without_a_value_is_named_with_what_it_left(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1, folds=2, stop={"max_hours": 1e-9})
    assert workers.train(0, fails=True)["do"] == "end"
    rule = log(cloud)[-1]["choice"]["ended_by"]
    assert rule.startswith("stop.max_hours: ")
    assert workers.reduce()["fault"] == (
        "None of 2 trials succeeded (1 FAILED, 1 MISSING); 10 more were not tried. The search ended early: "
        f"{rule}. The reasons, most frequent first:\n1x States.TaskFailed: no memory\n1x ended with the search: {rule}"
    )


def test_a_trial_that_the_median_rule_ends_is_missing_for_that_reason_and_cannot_win(cloud: Cloud) -> None:
    stop = {"median": {"min_epochs": 1, "min_trials": 2}}
    workers = Workers.of(cloud, max_concurrency=1, epochs=3, stop=stop)
    for number in range(2):
        assert keys.MEDIANS not in {each["Name"] for each in workers.states[0]["environment"]}, f"{number} completed"
        workers.train(0)
    state = workers.states[0]
    told = json.loads(next(each["Value"] for each in state["environment"] if each["Name"] == keys.MEDIANS))
    worse = min(event["ended"]["value"] for event in log(cloud)[1:])
    assert told["medians"] == [[1, worse], [2, worse]]
    assert (told["metric"], told["direction"]) == ("val_accuracy", "maximize")
    # Its own value is the best of all, as if another part of the world were wrong: it has no metrics, and cannot win.
    key = told["uri"].removeprefix(keys.uri(cloud.bucket.name, ""))
    cloud.bucket.put_json(key, {"epoch": 1, "value": 99.0, "epochs_trained": 2})
    workers.ask(0, {"job": {"job_id": "j", "attempts": attempts(1.0)}})
    workers.to_the_end()
    output = workers.reduce()["output"]
    assert output["outcomes"] == {"SUCCEEDED": 5, "FAILED": 0, "MISSING": 1, "INVALID": 0}
    assert output["reasons"] == [{"reason": "ended by stop.median after epoch 1", "trials": 1}]
    assert (output["winner"]["value"] < 99, output["epochs_trained_total"]) == (True, 5 * 3 + 2)
    assert Workers.of(cloud, execution="two", max_concurrency=1, epochs=3, stop=stop).states == []
    again = Workers.of(cloud, execution="three", max_concurrency=1, epochs=3)
    assert [each["trial_id"] for each in again.states] == [state["trial_id"]]


def test_a_job_that_leaves_a_wrong_record_of_the_median_rule_wrote_no_metrics(cloud: Cloud) -> None:
    workers = Workers.of(cloud, max_concurrency=1, epochs=3, stop={"median": {}})
    trial_id = workers.states[0]["trial_id"]
    cloud.bucket.put_json(keys.ended_key(trial_id, 3), {"epoch": 5, "value": 1.0, "epochs_trained": 2})
    workers.ask(0, {"job": {"job_id": "j", "attempts": attempts(1.0)}})
    assert log(cloud)[-1]["ended"]["reason"].startswith("its job succeeded but wrote no metrics")


def test_the_log_refuses_a_number_that_is_taken(cloud: Cloud) -> None:
    Workers.of(cloud)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        cloud.s3.put_object(Bucket=cloud.bucket.name, Key=keys.event_key("s", 0), Body=b"", IfNoneMatch="*")


def test_a_spec_in_rounds_and_a_free_running_one_are_two_searches(cloud: Cloud) -> None:
    Workers.of(cloud)
    assert "its field rounds was false" in cloud.plan({**SPEC, "rounds": True}, execution="two")["fault"]
    assert SweepSpec.from_json(SPEC).same_work(SweepSpec.from_json({**SPEC, "stop": {"max_hours": 1}}))


def test_each_call_of_a_function_prints_one_line_of_its_own_names_and_numbers(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person's params stay in the bucket."""

    def printed() -> dict[str, Any]:
        line: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert line.pop("milliseconds") >= 0
        return line

    workers = Workers.of(cloud, max_concurrency=1)
    assert printed() == {"function": "plan", "sweep": "s", "round": 0, "planned": 6, "to_run": 1}
    workers.train(0)
    assert printed() == {"function": "answer", "sweep": "s", "round": 0, "worker": 0, "turn": 2, "do": "train"}
    workers.to_the_end()
    capsys.readouterr()
    workers.reduce()
    ended = printed()
    assert "report" in ended, "what became of the page, which only the function's package can make"
    del ended["report"]
    assert ended == {"function": "reduce", "sweep": "s", "round": 0, "another_round": False, "has_winner": True}

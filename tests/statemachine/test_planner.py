"""The function that plans: what it writes, what it leaves out, and what it refuses."""

import json
from typing import Any

import pytest

from stepsweep.contract import keys
from stepsweep.contract.means import StackJob
from stepsweep.contract.rounds import first_round
from stepsweep.contract.spec import SweepSpec
from tests.support.functions import SPEC, Cloud


class TestPlan:
    def test_a_sweep_that_begins_writes_what_was_asked_the_plan_and_what_is_to_run(self, cloud: Cloud) -> None:
        answer = cloud.plan(SPEC)
        assert cloud.objects().keys() == {
            "sweeps/s/spec.json",
            "sweeps/s/latest.json",
            "sweeps/s/round-0/plan.json",
            "sweeps/s/round-0/to-run.json",
        }
        told = {
            "sweep": "s",
            "round": 0,
            "planned": 4,
            "to_run": 4,
            "to_run_key": "sweeps/s/round-0/to-run.json",
            "map_results_prefix": "sweeps/s/round-0/map",
            "ended": {},
            "max_concurrency": 16,
        }
        assert answer | told == answer

    def test_the_spec_is_written_with_every_default(self, cloud: Cloud) -> None:
        cloud.plan(SPEC)
        assert cloud.bucket.get_json("sweeps/s/spec.json") == SweepSpec.from_json(SPEC).to_json()

    def test_the_plan_is_every_trial_in_the_order_of_the_grid(self, cloud: Cloud) -> None:
        cloud.plan(SPEC)
        plan = cloud.bucket.get_json("sweeps/s/round-0/plan.json")
        assert plan["trainer_version"] == "trainer-1"
        assert cloud.trials("s") == first_round(SweepSpec.from_json(SPEC), trainer_version="trainer-1")

    def test_what_a_request_takes_of_an_item_is_texts_since_a_number_would_end_the_map(self, cloud: Cloud) -> None:
        answer = cloud.plan({**SPEC, "fixed": {"batch_size": 64, "dataset": "mnist"}, "seed": 7})
        for item in cloud.bucket.get_json(answer["to_run_key"]):
            assert (item.pop("schema"), item.pop("outcomes").keys()) == (1, {"SUCCEEDED", "FAILED"})
            assert (item.pop("attempts"), item.pop("timeout_seconds")) == (5, 7200), "which Batch takes as numbers"
            assert item.pop("requirements") == [{"Type": "MEMORY", "Value": "12000"}]
            command, environment = item.pop("command"), item.pop("environment")
            variables = [text for variable in environment for text in variable.values()]
            assert all(type(text) is str for text in [*item.values(), *command, *variables])

    def test_a_secret_that_jobs_are_not_given_is_wrong_input(self, cloud: Cloud) -> None:
        assert cloud.plan({**SPEC, "secrets": ["HF_TOKEN", "WANDB_API_KEY"]}) == {
            "fault": "secrets.WANDB_API_KEY: jobs are not given it, they have HF_TOKEN; "
            "`sweep deploy -c secrets=…` says where its value is"
        }
        cloud.monkeypatch.setenv(keys.SECRETS, "[]")
        assert "jobs are not given it, they have none; " in cloud.plan({**SPEC, "secrets": ["HF_TOKEN"]})["fault"]
        cloud.monkeypatch.setenv(keys.SECRETS, '["HF_TOKEN"]')
        answer = cloud.plan({**SPEC, "secrets": ["HF_TOKEN"]})
        item, *_ = cloud.bucket.get_json(answer["to_run_key"])
        assert {"Name": "STEPSWEEP_SECRETS", "Value": '["HF_TOKEN"]'} in item["environment"]

    def test_what_the_spec_asks_for_goes_into_the_items_and_the_estimate(self, cloud: Cloud) -> None:
        usd = cloud.plan({**SPEC, "name": "plain"})["usd_at_most"]
        asked = {"resources": {"vcpus": 8, "memory_mib": 4000, "gpus": 2}, "timeout_minutes": 5, "retries": 0}
        answer = cloud.plan({**SPEC, **asked})
        item, *_ = cloud.bucket.get_json(answer["to_run_key"])
        assert item["requirements"] == [
            {"Type": "MEMORY", "Value": "4000"},
            {"Type": "VCPU", "Value": "8"},
            {"Type": "GPU", "Value": "2"},
        ]
        assert {"Name": "OMP_NUM_THREADS", "Value": "8"} in item["environment"]
        assert (item["timeout_seconds"], item["attempts"]) == (300, 1)
        assert answer["usd_at_most"] == pytest.approx(2 * usd, rel=0.05), "a machine twice as large"
        half = {"resources": {"vcpus": 2, "memory_mib": 6000}}
        assert cloud.plan({**SPEC, **half, "name": "half"})["usd_at_most"] == usd, "the machine has one GPU"
        cloud.monkeypatch.setenv(keys.JOB, json.dumps(StackJob(gpus=0).to_json()))
        assert cloud.plan({**SPEC, **half, "name": "cpu"})["usd_at_most"] == pytest.approx(usd / 2, rel=0.05)

    def test_what_no_job_of_the_stack_gets_is_wrong_input_with_all_its_faults(self, cloud: Cloud) -> None:
        cloud.monkeypatch.setenv(keys.JOB, json.dumps(StackJob(gpus=0, max_vcpus=16).to_json()))
        answer = cloud.plan({**SPEC, "secrets": ["NONE"], "resources": {"vcpus": 17, "gpus": 1}})
        assert [fault.split(",")[0].split(";")[0] for fault in answer["fault"].splitlines()] == [
            "secrets.NONE: jobs are not given it",
            "resources.vcpus: 17",
            "resources.gpus: the stack's machines have none",
        ]

    def test_an_item_names_the_trials_command_and_where_its_results_go(self, cloud: Cloud) -> None:
        answer = cloud.plan(SPEC)
        first, *_ = cloud.trials("s")
        assert cloud.bucket.get_json(answer["to_run_key"])[0] == {
            "schema": 1,
            "execution": "execution-1",
            "sweep": "s",
            "share": "normals043a718774c5",
            "trial_id": first.trial_id,
            "command": ["--lr", "0.1", "--momentum", "0.5", "--epochs", "3", "--seed", "0"],
            "environment": [
                {
                    "Name": "STEPSWEEP_METRICS_URI",
                    "Value": f"s3://{cloud.bucket.name}/trials/{first.trial_id}/metrics-e3.csv",
                },
                {
                    "Name": "STEPSWEEP_CHECKPOINT_URI",
                    "Value": f"s3://{cloud.bucket.name}/checkpoints/{first.trial_id}/",
                },
                {
                    "Name": "STEPSWEEP_ARTIFACTS_URI",
                    "Value": f"s3://{cloud.bucket.name}/artifacts/new/{first.trial_id}/e3/",
                },
            ],
            "requirements": [{"Type": "MEMORY", "Value": "12000"}],
            "timeout_seconds": 7200,
            "attempts": 5,
            "outcome_key": f"sweeps/s/round-0/outcomes/{first.trial_id}.json",
            "outcomes": {
                "SUCCEEDED": {
                    "schema": 1,
                    "execution": "execution-1",
                    "trial_id": first.trial_id,
                    "status": "SUCCEEDED",
                },
                "FAILED": {"schema": 1, "execution": "execution-1", "trial_id": first.trial_id, "status": "FAILED"},
            },
        }

    def test_of_results_that_are_more_than_it_lists_none_is_trained_again(
        self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("stepsweep.bucket.s3.KEYS_LISTED", 2)
        *trained, left = cloud.planned(parameters=SPEC["parameters"])
        for trial in trained:
            cloud.trained(trial, 0.5)
            cloud.bucket.put(keys.summary_key(trial.trial_id, trial.epochs), b"{}", "application/json")
        answer = cloud.plan({**SPEC, "name": "again"})
        assert [item["trial_id"] for item in cloud.bucket.get_json(answer["to_run_key"])] == [left.trial_id]

    def test_a_sweep_without_a_name_has_the_executions(self, cloud: Cloud) -> None:
        unnamed = {name: value for name, value in SPEC.items() if name != "name"}
        assert cloud.plan(unnamed, execution="nightly-7")["sweep"] == "nightly-7"
        assert cloud.bucket.has("sweeps/nightly-7/spec.json")

    def test_every_round_has_a_plan_of_its_own(self, cloud: Cloud) -> None:
        cloud.planned(halving={"min_epochs": 1})
        cloud.reduce()
        answer = cloud.plan(
            {**SPEC, "parameters": {"lr": [0.1, 0.01, 0.001]}, "halving": {"min_epochs": 1}}, round_number=1
        )
        assert answer["to_run_key"] == "sweeps/s/round-1/to-run.json"
        assert cloud.bucket.has("sweeps/s/round-1/plan.json")

    @pytest.mark.parametrize(
        ("asked", "given"), [({}, 16), ({"max_concurrency": None}, 16), ({"max_concurrency": 2}, 2)]
    )
    def test_as_many_trials_run_at_once_as_was_asked_or_else_as_the_stack_allows(
        self, cloud: Cloud, asked: dict[str, Any], given: int
    ) -> None:
        assert cloud.plan({**SPEC, **asked})["max_concurrency"] == given


class TestResume:
    def test_a_trial_that_is_finished_stays_in_the_plan_and_is_not_trained_again(self, cloud: Cloud) -> None:
        cloud.plan(SPEC)
        _, second, *_ = cloud.trials("s")
        cloud.trained(second, 0.9)
        answer = cloud.plan(SPEC)
        assert (answer["planned"], answer["to_run"]) == (4, 3)
        assert second in cloud.trials("s")
        assert second.trial_id not in [item["trial_id"] for item in cloud.bucket.get_json(answer["to_run_key"])]

    def test_when_all_is_trained_nothing_is_to_run(self, cloud: Cloud) -> None:
        cloud.plan(SPEC)
        for trial in cloud.trials("s"):
            cloud.trained(trial, 0.9)
        answer = cloud.plan(SPEC)
        assert answer["to_run"] == 0
        assert cloud.bucket.get_json(answer["to_run_key"]) == []

    def test_what_another_sweep_trained_is_not_trained_again(self, cloud: Cloud) -> None:
        cloud.plan(SPEC)
        for trial in cloud.trials("s"):
            cloud.trained(trial, 0.9)
        grown = {**SPEC, "name": "grown", "parameters": {"lr": [1, 0.1, 0.01], "momentum": [0.5, 0.9]}}
        assert (cloud.plan(grown)["planned"], cloud.plan(grown)["to_run"]) == (6, 2)

    @pytest.mark.parametrize(
        "changes", [{"epochs": 4}, {"seed": 1}, {"fixed": {"patience": 1}}, {"fresh": True}], ids=str
    )
    def test_a_trial_whose_numbers_would_be_others_is_trained(self, cloud: Cloud, changes: dict[str, Any]) -> None:
        for trial in cloud.planned(**SPEC | {"sweep": "s"}):
            cloud.trained(trial, 0.9)
        assert cloud.plan({**SPEC, **changes, "name": "other"})["to_run"] == 4

    def test_a_new_trainer_trains_everything_again_in_another_sweep(self, cloud: Cloud) -> None:
        cloud.plan(SPEC)
        for trial in cloud.trials("s"):
            cloud.trained(trial, 0.9)
        cloud.monkeypatch.setenv(keys.TRAINER_VERSION, "trainer-2")
        assert cloud.plan({**SPEC, "name": "other"})["to_run"] == 4

    @pytest.mark.parametrize(
        ("name", "what", "remedy"),
        [
            ("mine", 'the trainer "mine" has changed since the sweep "s" was planned', "undo the change"),
            (
                "theirs",
                'the sweep "s" was planned for the trainer "mine", and this one is "theirs"',
                "take that trainer",
            ),
        ],
    )
    def test_a_sweep_does_not_go_on_with_another_trainer_unless_it_is_accepted(
        self, cloud: Cloud, name: str, what: str, remedy: str
    ) -> None:
        cloud.plan(SPEC)
        for trial in cloud.trials("s"):
            cloud.trained(trial, 0.9)
        cloud.monkeypatch.setenv(keys.TRAINER_VERSION, "trainer-2")
        cloud.monkeypatch.setenv(keys.TRAINER_NAME, name)
        before = cloud.objects()
        assert cloud.plan(SPEC)["fault"] == (
            f"name: {what}; choose another name, {remedy}, or set accept_trainer (--accept-trainer): only trials that "
            "this trainer has finished then count"
        )
        assert cloud.objects() == before
        assert cloud.plan({**SPEC, "accept_trainer": True})["to_run"] == 4
        assert cloud.plan(SPEC)["to_run"] == 4  # the sweep is the new trainer's from now on

    def test_the_same_trainer_in_a_folder_of_another_name_is_the_same(self, cloud: Cloud) -> None:
        cloud.plan(SPEC)
        cloud.monkeypatch.setenv(keys.TRAINER_NAME, "renamed")
        assert cloud.plan(SPEC)["to_run"] == 4

    def test_a_plan_that_cannot_be_read_is_named(self, cloud: Cloud) -> None:
        cloud.plan(SPEC)
        cloud.bucket.put(keys.plan_key("s", 0), b"{", "application/json")
        fault = cloud.plan(SPEC)["fault"]
        assert fault.startswith(f'name: the plan of the sweep "s" cannot be read ({keys.plan_key("s", 0)}')
        assert fault.endswith("); delete this object, and the sweep is planned anew, or choose another name")

    def test_a_fresh_sweep_that_is_started_again_goes_on_where_it_was(self, cloud: Cloud) -> None:
        cloud.plan({**SPEC, "fresh": True})
        for trial in cloud.trials("s")[:3]:
            cloud.trained(trial, 0.9)
        assert cloud.plan({**SPEC, "fresh": True})["to_run"] == 1

    def test_the_same_input_under_the_same_name_is_the_same_sweep(self, cloud: Cloud) -> None:
        first = cloud.plan(SPEC, execution="one")
        before, trials = cloud.objects(), cloud.trials("s")
        again = cloud.plan({**SPEC, "Comment": "again"}, execution="two")
        assert again.pop("planned_at") >= first.pop("planned_at")
        assert again == first
        after = cloud.objects()
        changed = {key for key in after if after[key] != before.get(key)}
        assert changed == {"sweeps/s/latest.json", "sweeps/s/round-0/plan.json", "sweeps/s/round-0/to-run.json"}
        assert cloud.trials("s") == trials

    def test_a_plan_names_its_execution_and_which_outcomes_are_of_earlier_ones(self, cloud: Cloud) -> None:
        cloud.plan(SPEC, execution="one")
        _, second, *_ = cloud.trials("s")
        cloud.failed(second, "cause")
        cloud.plan(SPEC, execution="two")
        plan, latest = (cloud.bucket.get_json(f"sweeps/s/{name}.json") for name in ("round-0/plan", "latest"))
        assert (plan["execution"], plan["is_resumed"], plan["recorded_before"]) == ("two", True, [second.trial_id])
        assert (latest["execution"], latest["round"], latest["has_ended"]) == ("two", 0, False)

    def test_other_input_under_a_name_that_is_taken_is_refused_and_changes_nothing(self, cloud: Cloud) -> None:
        cloud.plan(SPEC)
        before = cloud.objects()
        assert cloud.plan({**SPEC, "epochs": 5}) == {
            "fault": 'name: the sweep "s" is there already and asked for something else (its field epochs was 3); '
            "choose another name, trials that are finished are not repeated"
        }
        assert cloud.objects() == before

    def test_who_leaves_out_a_rule_to_stop_is_told_to_write_what_followed_from_it(self, cloud: Cloud) -> None:
        cloud.plan({**SPEC, "stop": {"max_hours": 1}})
        assert cloud.plan(SPEC)["fault"] == (
            'name: the sweep "s" is there already and asked for something else (its field rounds was false); to go on '
            "with it, write rounds false (--no-rounds); or choose another name, trials that are finished are not "
            "repeated"
        )
        assert "fault" not in cloud.plan({**SPEC, "rounds": False})
        assert "--no-rounds" not in cloud.plan({**SPEC, "epochs": 5})["fault"]

    def test_one_objective_and_several_are_two_sweeps_whichever_was_first(self, cloud: Cloud) -> None:
        several = {"objectives": ["val_loss", "val_accuracy"]}
        cloud.plan({**SPEC, "name": "one"})
        assert "(its field objective was {" in cloud.plan({**SPEC, "name": "one", **several})["fault"]
        cloud.plan({**SPEC, "name": "several", **several})
        assert "(its field objectives was [" in cloud.plan({**SPEC, "name": "several"})["fault"]

    def test_a_sweep_goes_on_with_another_number_of_trials_at_once(self, cloud: Cloud) -> None:
        cloud.plan({**SPEC, "max_concurrency": 2})
        assert cloud.plan({**SPEC, "max_concurrency": 8})["max_concurrency"] == 8

    @pytest.mark.parametrize("damaged", [b"", b"{", b"null", b'{"parameters": 1, "later": 2}', b"\xff"])
    def test_a_name_whose_sweep_cannot_be_read_is_not_overwritten(self, cloud: Cloud, damaged: bytes) -> None:
        cloud.bucket.put("sweeps/s/spec.json", damaged, "application/json")
        assert cloud.plan(SPEC)["fault"] == (
            'name: the sweep "s" is there already and asked for something else (its sweeps/s/spec.json cannot be '
            "read); choose another name, trials that are finished are not repeated"
        )
        assert cloud.objects() == {"sweeps/s/spec.json": damaged}


class TestWrongInput:
    def test_every_fault_comes_back_as_a_line_and_nothing_is_written(self, cloud: Cloud) -> None:
        answer = cloud.plan({"parameters": {"lr": [0.1, {}]}, "epoch": 3, "name": "../s"})
        assert answer.keys() == {"fault"}
        assert [line.split(":")[0].split(";")[0] for line in answer["fault"].splitlines()] == [
            "unknown field `epoch`",
            "parameters.lr[1]",
            "name",
        ]
        assert cloud.objects() == {}

    @pytest.mark.parametrize("sweep_input", [None, [], "lr", 5, {}])
    def test_input_that_is_no_sweep_at_all_is_a_fault_too(self, cloud: Cloud, sweep_input: Any) -> None:
        assert cloud.plan(sweep_input).keys() == {"fault"}
        assert cloud.objects() == {}

    def test_an_execution_with_a_name_that_no_folder_may_have_asks_for_another(self, cloud: Cloud) -> None:
        unnamed = {name: value for name, value in SPEC.items() if name != "name"}
        assert "give the sweep a `name` of its own" in cloud.plan(unnamed, execution="../../trials/x")["fault"]
        assert cloud.objects() == {}

    def test_the_largest_input_that_is_all_wrong_fits_into_the_cause_of_an_execution(self, cloud: Cloud) -> None:
        sweep_input = {**SPEC, "parameters": {"lr": ["\n" * 20] * 10_000}}
        assert len(json.dumps(sweep_input)) > 256 * 1024
        assert len(cloud.plan(sweep_input)["fault"]) < 32_768

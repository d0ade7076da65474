"""Where a command works: its options, what is remembered of a sweep's trainer, and what is refused in words."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepsweep.client.clouds import trainers
from stepsweep.client.clouds.ahead import Ahead, working_ahead
from stepsweep.client.clouds.cloud import Cloud, job_vcpus_fault
from stepsweep.client.clouds.ready import check_secrets, check_trainer_is_the_same, check_trials, give_secrets
from stepsweep.client.clouds.which_trainer import (
    forget_trainer,
    in_an_image,
    remember_trainer,
    with_script,
    with_trainer_of,
)
from stepsweep.client.deployment import CloudError, Deployment
from stepsweep.client.operations import keeping
from stepsweep.client.operations.keeping import Former, former, kept
from stepsweep.client.operations.naming import sweep_of_execution
from stepsweep.client.running.control import Control, Found
from stepsweep.client.specs.asked import checked
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.spec import SweepSpec
from stepsweep.local.cloud import default_vcpus
from stepsweep.trainer_script import Script
from tests.support.recorded import RecordedCloud
from tests.support.stack import REGION, Stack

MINE = SweepSpec.from_json({"name": "mine", "parameters": {"lr": [0.1, 0.2]}, "epochs": 1})


def cloud_of(directory: Path, **options: Any) -> Cloud:
    given = {"on": "local", "trainer": None, "job_vcpus": None, "profile": None, "region": None, "stack": None}
    return Cloud(directory=directory, **{**given, **options})


def fault_of(does: Callable[[], object], kind: type[Exception] = InvalidInput) -> str:
    with pytest.raises(kind) as refused:
        does()
    return str(refused.value)


@pytest.fixture
def trainer(tmp_path: Path) -> Path:
    folder = tmp_path / "trainer"
    folder.mkdir()
    (folder / "Dockerfile").write_text('FROM python\nCOPY . .\nENTRYPOINT ["python", "train.py"]\n')
    (folder / "train.py").write_text("lr = 1\n")
    return folder


@pytest.fixture
def aws(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: stack.deployment)
    return cloud_of(tmp_path, on="aws", stack=stack.name)


# --- the options ------------------------------------------------------------------------------------------------------


def test_what_is_appended_to_a_command_that_people_paste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEPSWEEP_DIR", raising=False)
    assert cloud_of(Path(".stepsweep"), profile="ignored").where == ""
    assert cloud_of(Path("my clouds")).where == " --dir 'my clouds'"
    monkeypatch.setenv("STEPSWEEP_DIR", "my clouds")
    assert cloud_of(Path("my clouds")).where == ""
    assert cloud_of(Path(".stepsweep")).where == " --dir .stepsweep"
    aws = cloud_of(Path("here"), on="aws")
    assert aws.where == " --on aws"
    named = replace(aws, profile="my work", region="eu-west-1", stack="Mine")
    assert named.where == " --on aws --profile 'my work' --region eu-west-1 --stack Mine"
    assert named.options("profile", "region") == " --profile 'my work' --region eu-west-1"


def test_a_folder_without_a_cloud_is_named(tmp_path: Path, aws: Cloud) -> None:
    nowhere = cloud_of(tmp_path / "nowhere")
    told = f"there is no embedded cloud in {tmp_path}/nowhere; say where it is with --dir, or --on aws"
    assert fault_of(nowhere.check_it_is_there) == fault_of(nowhere.looked_at) == told
    with pytest.raises(InvalidInput, match=r"^there is no embedded cloud in "), nowhere.kept_from_others():
        pass
    replace(aws, directory=tmp_path / "nowhere").check_it_is_there()
    assert not nowhere.directory.exists()
    assert nowhere.is_gone()
    assert not aws.is_gone()


def test_on_aws_the_stack_is_looked_for_where_the_options_say(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    aws = cloud_of(tmp_path, on="aws")
    found = replace(aws, stack=stack.name).deployed()
    assert found is not None
    assert (found.stack, found.region) == (stack.name, REGION)
    with replace(aws, stack=stack.name).opened(print, None) as opened:
        assert opened.bucket == replace(aws, stack=stack.name).kept_up(print).bucket == found.bucket
    elsewhere = fault_of(replace(aws, region="eu-north-1").deployed, CloudError)
    assert elsewhere.startswith("there is no stack Stepsweep in eu-north-1; ")
    assert "(wrok)" in fault_of(replace(aws, profile="wrok").deployed)


def test_of_several_buckets_the_one_that_was_used_last_counts(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path)
    recorded.planned("first", {"lr": [1]})
    (tmp_path / "s3" / "bucket").rename(tmp_path / "s3" / "z-older")
    recorded.planned("second", {"lr": [1]})
    found = cloud_of(tmp_path).recorded()
    assert (found.objects, found.records.sweeps()) == (tmp_path / "s3" / "bucket", ["second"])
    empty = cloud_of(tmp_path / "empty").recorded()
    assert (empty.objects, empty.records.sweeps()) == (tmp_path / "empty" / "s3", [])


def test_cores_of_a_job_are_those_of_this_machine_at_most() -> None:
    most = default_vcpus()
    assert [job_vcpus_fault(value) for value in (1, most)] == [None, None]
    for value in (0, most + 1):
        told = f"must be from 1 to {most}, which this machine has cores and memory for, got {value}"
        assert job_vcpus_fault(value) == told


def test_a_secret_is_a_variable_of_the_shell_on_this_machine_alone(
    aws: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = SweepSpec.from_json({**MINE.to_json(), "secrets": ["A_TOKEN", "B_TOKEN", "C_TOKEN"]})
    monkeypatch.setenv("A_TOKEN", "a")
    monkeypatch.setenv("B_TOKEN", "")
    monkeypatch.delenv("C_TOKEN", raising=False)
    assert fault_of(lambda: check_secrets(cloud_of(tmp_path), spec)).splitlines() == [
        f"secrets.{name}: the shell has no such variable; export it first" for name in ("B_TOKEN", "C_TOKEN")
    ]
    check_secrets(aws, spec)


def test_the_embedded_cloud_gets_the_secrets_of_the_latest_sweep(
    stack: Stack, aws: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = SweepSpec.from_json({**MINE.to_json(), "secrets": ["A_TOKEN"]})
    endpoint = stack.deployment.s3.meta.endpoint_url
    kept = stack.deployment.session.client("secretsmanager", endpoint_url=endpoint)
    for value in ("first", "second"):
        monkeypatch.setenv("A_TOKEN", value)
        give_secrets(aws, spec, stack.deployment)
        give_secrets(replace(aws, on="local"), spec, stack.deployment)
        assert kept.get_secret_value(SecretId="A_TOKEN")["SecretString"] == value
    kept.delete_secret(SecretId="A_TOKEN", ForceDeleteWithoutRecovery=True)
    give_secrets(aws, spec, stack.deployment)
    assert kept.list_secrets()["SecretList"] == []


# --- the trainer ------------------------------------------------------------------------------------------------------


def script(folder: Path, **fields: Any) -> Script:
    return Script(folder=folder, entrypoint=("stepsweep-trial", "--", "python", "train.py", "{lr}"), **fields)


def test_a_folder_without_a_dockerfile_is_no_trainer(tmp_path: Path, aws: Cloud) -> None:
    cloud = cloud_of(tmp_path / "cloud", trainer=tmp_path)
    assert fault_of(lambda: check_trials(cloud, MINE, print)) == (
        f"--trainer: there is no Dockerfile in {tmp_path}; name the folder that has it, or say how your script is run "
        "with --command"
    )
    check_trials(replace(aws, trainer=tmp_path), MINE, print)


def test_a_command_is_run_as_a_trainer_of_its_own(tmp_path: Path, trainer: Path) -> None:
    mine, cloud = script(trainer, python=".venv/bin/python", data=("data",)), cloud_of(tmp_path / "cloud")
    assert with_script(cloud, None) is cloud
    run = with_script(cloud, mine)
    assert run == replace(cloud, trainer=run.trainer)
    assert run.trainer is not None
    assert (run.trainer.parent, Script.read(run.trainer)) == ((tmp_path / "cloud" / "scripts").resolve(), mine)
    boxed = with_script(replace(cloud, container=True), mine).trainer
    assert boxed is not None
    assert Script.read(boxed) == replace(mine, python=None, data=())
    assert fault_of(lambda: with_script(run, mine)) == (
        "command: not together with --trainer (or STEPSWEEP_TRAINER); leave one out"
    )
    bare = script(tmp_path)
    told = f"--container: there is no Dockerfile in {tmp_path}; `sweep init --aws` proposes one"
    assert fault_of(lambda: in_an_image(bare)) == told
    assert fault_of(lambda: with_script(replace(cloud, container=True), bare)) == told


def test_a_stack_runs_the_command_that_it_was_deployed_with(stack: Stack, aws: Cloud, trainer: Path) -> None:
    mine = script(trainer)

    def on(command: tuple[str, ...]) -> Cloud:
        object.__setattr__(stack.deployment, "trainer_command", command)
        return with_script(aws, mine)

    assert on(mine.entrypoint) is aws
    for there, named in (((), "none"), (("stepsweep-trial", "--", "python", "a b.py"), "`python 'a b.py'`")):
        assert fault_of(lambda there=there: on(there)) == (  # type: ignore[misc]
            f"command: the stack was deployed with {named}, or reads metrics otherwise; got `python train.py {{lr}}`. "
            "Deploy this one with `sweep deploy SPEC`, where SPEC is the file that has it"
        )


def test_a_sweep_goes_on_with_the_trainer_that_is_remembered(tmp_path: Path, trainer: Path, aws: Cloud) -> None:
    directory = tmp_path / "cloud"
    cloud = cloud_of(directory)
    remember_trainer(replace(cloud, trainer=trainer, container=True), "boxed")
    remember_trainer(cloud, "tutorial")
    remember_trainer(replace(cloud, trainer=script(trainer).written(directory / "scripts")), "scripted")
    boxed = with_trainer_of(cloud, "boxed")
    assert (boxed.trainer, boxed.container) == (trainer.resolve(), True)
    assert with_trainer_of(cloud, "tutorial") == with_trainer_of(cloud, "unknown") == cloud
    other = replace(cloud, trainer=tmp_path)
    assert with_trainer_of(other, "boxed") is other
    assert with_trainer_of(replace(cloud, container=True), "tutorial").container
    remember_trainer(aws, "on-aws")
    assert with_trainer_of(aws, "on-aws") is aws
    assert sorted(file.stem for file in (directory / "trainers").iterdir()) == ["boxed", "scripted", "tutorial"]
    shutil.rmtree(trainer)
    for name in ("boxed", "scripted"):
        assert fault_of(lambda name=name: with_trainer_of(cloud, name)) == (  # type: ignore[misc]
            f"--trainer: the trainer of the sweep {name}, {trainer.resolve()}, is gone; name its new folder"
        )
    forget_trainer(cloud, "boxed")
    forget_trainer(cloud, "boxed")
    forget_trainer(aws, "scripted")
    assert (with_trainer_of(cloud, "boxed"), with_trainer_of(cloud, "tutorial")) == (cloud, cloud)


def test_which_sweeps_had_a_trainer_is_known_by_its_files_and_by_its_place(tmp_path: Path, trainer: Path) -> None:
    directory, mine = tmp_path / "cloud", script(trainer).written(tmp_path / "scripts")
    other = tmp_path / "other"
    shutil.copytree(trainer, other)
    assert (trainers.sweeps_of(directory, trainer), trainers.sweeps_at(directory, trainer)) == ([], [])
    for name, place in (("b", trainer), ("a", trainer), ("copy", other), ("script", mine), ("tutorial", None)):
        trainers.remember(directory, name, place, container=False)
    for name in ("broken", "empty"):
        (directory / "trainers" / f"{name}.json").write_text("{" if name == "broken" else "{}")
    assert trainers.sweeps_of(directory, trainer) == ["a", "b", "copy"]
    assert trainers.sweeps_of(directory, mine) == ["script"]
    assert trainers.sweeps_of(directory, None) == ["tutorial"]
    assert trainers.sweeps_at(directory, trainers.home_of(trainer)) == ["script", "a", "b"], "the latest first"
    assert trainers.sweeps_at(directory, trainers.home_of(mine)) == ["script", "a", "b"]
    assert trainers.sweeps_at(directory, trainers.home_of(None)) == ["tutorial"]
    mine.write_text("[]")
    assert trainers.sweeps_at(directory, trainer.resolve()) == ["a", "b"]


def test_what_has_changed_in_a_trainer_is_named(tmp_path: Path, trainer: Path) -> None:
    directory = tmp_path / "cloud"
    trainers.remember(directory, "mine", trainer, container=False)
    assert trainers.changed(directory, "mine", trainer) == trainers.changed(directory, "unknown", trainer) == ()
    (trainer / "train.py").write_text("lr = 2\n")
    (trainer / "new.py").touch()
    (trainer / "Dockerfile").unlink()
    changed = trainers.changed(directory, "mine", script(trainer).written(tmp_path / "scripts"))
    assert changed == ("how it is run", "new.py", "train.py")
    assert trainers.named(changed) == "how it is run, new.py, train.py"
    assert trainers.named(("a", "b", "c", "d", "e")) == "a, b, c and 2 more"


@pytest.mark.parametrize(
    ("name", "is_script"), [(".gitignore", True), (".dockerignore", True), (".dockerignore", False)]
)
def test_the_file_is_named_that_leaves_out_what_has_changed(
    tmp_path: Path, trainer: Path, name: str, is_script: bool
) -> None:
    if is_script and name == ".dockerignore":
        (trainer / name).touch()
    at = script(trainer).written(tmp_path / "scripts") if is_script else trainer
    trainers.remember(tmp_path / "cloud", "mine", at, container=False)
    (trainer / "b.yaml").touch()
    changed = trainers.changed(tmp_path / "cloud", "mine", at)
    found = Former(
        version="1", changed=changed, ignore_file=trainers.ignore_file(at, changed), trials={"a": "b"}, rungs=(1,)
    )
    assert str(found) == (
        "The trainer has changed (b.yaml): 1 finished trial does not count. If the change cannot matter to their "
        f"numbers, --keep-results counts them. List files that trials do not need in {name}."
    )
    with (trainer / name).open("a") as file:
        file.write("b.yaml\n")
    assert trainers.changed(tmp_path / "cloud", "mine", at) == ()
    assert trainers.ignore_file(at, ("the command", "Dockerfile", "deleted.py")) == ""


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"metrics": {"acc": "accuracy (.*)"}}, "the field metrics"),
        ({"metrics": {"mlflow": "runs"}, "arguments": {"style": "env"}}, "the field metrics, the field arguments"),
        ({"epochs": 3}, "the field epochs"),
        ({"arguments": {"seed": "random_state"}}, "the field arguments"),
        ({"command": "python train.py --fast"}, "the command"),
        ({"data": "train.py"}, "the field data, train.py"),
        ({"python": "/bin/sh"}, "the field python"),
    ],
)
@pytest.mark.parametrize("has_dockerfile", [True, False])
def test_which_field_of_a_spec_has_changed_is_named(
    tmp_path: Path, trainer: Path, fields: dict[str, Any], changed: str, has_dockerfile: bool
) -> None:
    if not has_dockerfile:
        (trainer / "Dockerfile").unlink()

    def of(**fields: Any) -> Path:
        document = {"parameters": {"lr": [1]}, "command": "python train.py", **fields}
        found = checked(document, default_name="x", folder=trainer)[1]
        assert found is not None
        return found.written(tmp_path / "scripts")

    directory = tmp_path / "cloud"
    trainers.remember(directory, "mine", of(), container=False)
    assert trainers.changed(directory, "mine", of()) == ()
    words = trainers.changed(directory, "mine", of(**fields))
    assert trainers.named([word for word in words if word != "Dockerfile"]) == changed
    assert ("Dockerfile" in words) is has_dockerfile
    of().unlink()
    assert trainers.changed(directory, "mine", of(**fields))[0] == ("Dockerfile" if has_dockerfile else "how it is run")


def test_a_running_sweep_that_its_stack_would_refuse_is_not_stopped(stack: Stack, aws: Cloud) -> None:
    stack.planned(**MINE.to_json())
    check_trainer_is_the_same(aws, Found.of(stack.deployment), "mine")
    check_trainer_is_the_same(aws, Found.of(stack.deployment), "unknown")
    other = Found.of(replace(stack.deployment, trainer_version="2"))
    assert fault_of(lambda: check_trainer_is_the_same(aws, other, "mine")) == (
        "name: the stack has another trainer now than mine was planned for, and would refuse to continue it; let it "
        "end, or stop it and resume it with --accept-trainer"
    )


# --- results of a trainer that has changed ----------------------------------------------------------------------------


BY_A_MODEL = {
    "parameters": {"lr": {"low": 0.001, "high": 0.9}}, "search": {"method": "tpe", "trials": 9}, "rounds": False,
}  # fmt: skip


def test_finished_trials_of_a_trainer_that_has_changed_do_not_count_or_are_kept(stack: Stack, aws: Cloud) -> None:
    first, second = stack.planned(**MINE.to_json())
    stack.succeeded("mine", first, [0.5])
    changed = replace(stack.deployment, trainer_version="2")
    found = former(MINE, aws, changed)
    assert found is not None
    assert (found.version, found.changed, list(found.trials)) == ("1", (), [first.trial_id])
    assert str(found) == (
        "The trainer has changed: 1 finished trial does not count. If the change cannot matter to their numbers, "
        "--keep-results counts them."
    )
    stack.succeeded("mine", second, [0.6])
    both = former(MINE, aws, changed)
    assert both is not None
    assert str(replace(both, changed=("train.py",))) == (
        "The trainer has changed (train.py): 2 finished trials do not count. If the change cannot matter to their "
        "numbers, --keep-results counts them."
    )
    assert former(MINE, aws, stack.deployment) is None
    for other in (
        {"fresh": True},
        {"name": "other"},
        {"parameters": {"lr": [0.7]}},
        {**BY_A_MODEL, "fixed": {"a": 1}},
        {**BY_A_MODEL, "environment": {"A": "1"}},
        {**BY_A_MODEL, "parameters": {"lr": {"low": 3.5, "high": 5}}},
    ):
        assert former(SweepSpec.from_json({**MINE.to_json(), **other}), aws, changed) is None, other
    more = former(SweepSpec.from_json({**MINE.to_json(), **BY_A_MODEL}), aws, changed)
    assert more is not None, "a model may ask for the trials of the plan again"
    assert more.trials == both.trials

    _keep(found, changed)
    assert former(MINE, aws, changed) == replace(both, trials={second.trial_id: both.trials[second.trial_id]})
    new = found.trials[first.trial_id]
    metrics = keys.metrics_key(new, 1)
    note = stack.bucket.get_json(keys.kept_from_key(new, 1))
    assert note == {"trial_id": first.trial_id, "trainer_version": "1"}
    assert stack.deployment.store.get(metrics) == stack.deployment.store.get(first.metrics_key)
    stack.bucket.put(first.metrics_key, b"epoch,val_accuracy\n1,0.9\n", "text/csv")
    _keep(found, changed)
    assert stack.deployment.store.get(metrics) == b"epoch,val_accuracy\n1,0.5\n", "what is there stays"


def test_metrics_of_other_epochs_than_the_sweep_s_are_not_kept_and_the_note_names_who_trained_each(
    stack: Stack, aws: Cloud
) -> None:
    longer = SweepSpec.from_json({**MINE.to_json(), "name": "longer", "epochs": 9})
    halving = SweepSpec.from_json({**longer.to_json(), "halving": {"min_epochs": 1, "factor": 9}})
    first, _ = stack.planned(**MINE.to_json())
    stack.planned(**longer.to_json())
    stack.planned(**{**halving.to_json(), "name": "halving"})
    stack.succeeded("mine", first, [0.5])
    second, third = (replace(stack.deployment, trainer_version=version) for version in "23")
    assert former(longer, aws, second) is None, "it would train this trial also without the change"
    found = former(MINE, aws, second)
    assert found is not None
    _keep(found, second)
    (kept_one,) = found.trials.values()
    stack.planned_for("2", {**halving.to_json(), "name": "halving", "accept_trainer": True})
    stack.bucket.put(keys.metrics_key(kept_one, 9), b"epoch,val_accuracy\n9,0.9\n", "text/csv")
    both = former(replace(halving, name="halving"), aws, third)
    assert both is not None
    _keep(both, third)
    (new,) = both.trials.values()
    assert [stack.bucket.get_json(keys.kept_from_key(new, epochs)) for epochs in (1, 9)] == [
        {"trial_id": first.trial_id, "trainer_version": "1"},
        {"trial_id": kept_one, "trainer_version": "2"},
    ]


def _keep(found: Former, deployment: Deployment) -> None:
    with kept(found, Control(deployment), "mine"):
        pass


def test_on_this_machine_the_latest_sweeps_of_the_place_are_looked_at(
    stack: Stack, tmp_path: Path, trainer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = cloud_of(tmp_path / "cloud", trainer=trainer)
    for name in ("one", "two"):
        (trial,) = stack.planned(name=name, parameters={"lr": [0.1]}, epochs=1)
        remember_trainer(cloud, name)
    (trainer / "train.py").write_text("lr = 2\n")
    spec = SweepSpec.from_json({"name": "three", "parameters": {"lr": [0.1]}, "epochs": 1})
    changed = replace(stack.deployment, trainer_version="2")
    assert former(spec, cloud, changed) is None
    stack.succeeded("two", trial, [0.5])
    found = former(spec, cloud, changed)
    assert found is not None
    assert (list(found.trials), found.changed) == ([trial.trial_id], ("train.py",))
    assert former(spec, replace(cloud, trainer=tmp_path), changed) is None
    # Quick tries of the changed trainer hide none of them, nor does a damaged sweep.
    monkeypatch.setattr(keeping, "MAX_LOOKED_AT", 1)
    for name in ("smoke", "again"):
        stack.planned_for("2", {"name": name, "parameters": {"lr": [0.9]}, "epochs": 1})
        remember_trainer(cloud, name)
    stack.bucket.put(keys.latest_key("smoke"), b"damaged", "application/json")
    assert former(spec, cloud, changed) == found
    model = SweepSpec.from_json({**spec.to_json(), **BY_A_MODEL})
    assert former(model, cloud, changed) == found, "a model may ask for it again"
    stack.bucket.put(keys.spec_key("two"), b"damaged", "application/json")
    assert former(model, cloud, changed) is None


# --- ahead of a sweep -------------------------------------------------------------------------------------------------


def test_nothing_is_done_ahead_on_aws_or_before_the_template_exists(aws: Cloud, tmp_path: Path) -> None:
    for cloud in (aws, cloud_of(tmp_path / "cloud")):
        with working_ahead(cloud, MINE) as ahead:
            assert ahead == Ahead()
    said: list[str] = []
    Ahead().check(aws, MINE, said.append)
    refused = cloud_of(tmp_path / "cloud", trainer=tmp_path)
    told = fault_of(lambda: Ahead().check(refused, MINE, said.append))
    assert told.startswith(f"--trainer: there is no Dockerfile in {tmp_path}; ")
    assert said == []


def test_a_check_that_was_begun_ahead_says_what_it_has_said_and_fails_as_it_has(tmp_path: Path) -> None:
    refused, said = cloud_of(tmp_path / "cloud", trainer=tmp_path), list[str]()
    with ThreadPoolExecutor(1) as others:
        Ahead(checking=others.submit(lambda: None), said=["one", "two"]).check(refused, MINE, said.append)
        assert said == ["one", "two"]
        failing = Ahead(checking=others.submit(check_trials, refused, MINE, print), said=["three"])
        assert "there is no Dockerfile" in fault_of(lambda: failing.check(refused, MINE, said.append))
    assert said == ["one", "two"]


# --- the sweep of an execution ----------------------------------------------------------------------------------------


def test_an_execution_s_name_or_arn_stands_for_its_sweep(stack: Stack, aws: Cloud) -> None:
    states, machine = stack.deployment.step_functions, stack.deployment.state_machine_arn
    ours = Control(stack.deployment).start(MINE)
    inputs = {"from-the-console": MINE.to_json(), "unnamed": {**MINE.to_json(), "name": None}, "wrong": {"name": "x"}}
    del inputs["unnamed"]["name"]
    for name, document in inputs.items():
        states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(document))
    named = {ours.name: "mine", ours.arn: "mine", "from-the-console": "mine", "unnamed": "unnamed", "wrong": None}
    assert {name: sweep_of_execution(aws, name) for name in named} == named
    for unknown in ("nothing", "no name at all", "a" * 81):
        assert sweep_of_execution(aws, unknown) is None
    for arn in Control(stack.deployment).executions():
        stack.stop(arn)


def test_without_its_cloud_an_execution_is_known_by_the_sweeps_that_there_are(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path)
    long = "n" * 80
    for name in ("mine", "mine-0123abcd", long, f"{long[:79]}x"):
        recorded.planned(name, {"lr": [1]})
    cloud = cloud_of(tmp_path)
    known = {
        "mine-89abcdef": "mine",
        "arn:aws:states:x:1:execution:m:mine-89abcdef": "mine",
        "mine": "mine",
        "mine-0123abcd": None,  # of one, or of the other
        f"{long[:71]}-89abcdef": None,
        "mine-89abcdeg": None,
        "other-89abcdef": None,
    }
    assert {name: sweep_of_execution(cloud, name) for name in known} == known

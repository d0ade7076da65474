"""The priority of a running sweep: shown and changed, on the command line and in the page."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from stepsweep.client.api.sweep import Sweep as Api
from stepsweep.client.cli.main import cli
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.operations import prioritizing
from stepsweep.client.operations.events import Doing, Event
from stepsweep.client.operations.follow import POLL_SECONDS
from stepsweep.client.running.control import Control
from stepsweep.client.running.stopping import Stopped, stop_sweep
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.priority import Priority
from stepsweep.contract.spec import SweepSpec
from tests.support.command import Sweep
from tests.support.embedded import SCRIPTED, eventually, keep_template
from tests.support.html import Document
from tests.support.stack import Stack
from tests.support.ui import Page, served

ASKED = {"name": "mine", "parameters": {"lr": [0.1, 0.2]}, "epochs": 1}


@pytest.fixture
def running(stack: Stack) -> Stack:
    """A stack with a running sweep, of which one of two trials has ended, and one that nobody runs."""
    Control(stack.deployment).start(SweepSpec.from_json(ASKED))
    first, _ = stack.planned(**ASKED)
    stack.succeeded("mine", first, [0.5])
    stack.planned(name="rests", parameters={"lr": [0.1]}, epochs=1)
    return stack


@pytest.fixture
def page(running: Stack, tmp_path: Path) -> Iterator[Page]:
    with served(tmp_path, "--on", "aws", "--stack", running.name, environment=running.environment) as page:
        yield page


def priorities(stack: Stack) -> dict[str, str]:
    """Returns the priorities of all executions that run, by sweep."""
    control = Control(stack.deployment)
    inputs = [
        json.loads(stack.deployment.step_functions.describe_execution(executionArn=arn)["input"])
        for arn in control.executions()
    ]
    return {each["name"]: each["priority"] for each in inputs}


def test_a_running_sweep_goes_on_with_another_priority(
    sweep: Sweep, running: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (before,) = Control(running.deployment).running("mine")
    assert sweep.on(running, "priority", "mine").stdout == "normal\n"
    monkeypatch.setitem(POLL_SECONDS, "aws", 0.01)
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: running.deployment)
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(cli, ["priority", "mine", "high", "--on", "aws", "--stack", running.name, "--json"])
    assert ended.exit_code == 0, ended.output
    changed = json.loads(ended.stdout)
    assert (changed["sweep"], changed["priority"]) == ("mine", "high")
    assert priorities(running) == {"mine": "high"}
    assert Control(running.deployment).running("mine") == [changed["execution_arn"]]
    assert running.status(before) == "ABORTED"
    assert sweep.on(running, "priority", "mine").stdout == "high\n", "of the one that runs, not of what was asked first"


class Told:
    """Hears of an operation's events."""

    wants_training = False

    def __init__(self, hear: Callable[[Event], object]) -> None:
        self._hear = hear

    def __call__(self, event: Event) -> None:
        self._hear(event)


@pytest.fixture
def cloud(running: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    """The stack, in this process."""
    monkeypatch.setitem(POLL_SECONDS, "aws", 0.01)
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: running.deployment)
    return Cloud(
        on="aws", directory=tmp_path, trainer=None, job_vcpus=None, profile=None, region=None, stack=running.name
    )


def test_one_that_is_interrupted_between_says_how_the_sweep_goes_on(
    running: Stack, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    told: list[Event] = []
    monkeypatch.setattr(prioritizing, "start_held", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prioritizing.prioritize(cloud, "mine", Priority.HIGH, Told(told.append))
    assert priorities(running) == {}
    resume = f"`sweep resume mine --on aws --stack {running.name} --priority high`"
    assert told[-1] == Doing(f"mine was stopped, and not started again; {resume} continues it.")


def test_one_that_comes_second_does_not_say_that_the_sweep_rests(
    running: Stack, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:

    def stop_and_lose(control: Control, name: str, **others: Any) -> Stopped:
        stopped = stop_sweep(control, name, **others)
        control.start(SweepSpec.from_json({**ASKED, "priority": "low"}))  # another command was faster
        return stopped

    monkeypatch.setattr(prioritizing, "stop_sweep", stop_and_lose)
    with pytest.raises(CloudError) as refused:
        prioritizing.prioritize(cloud, "mine", Priority.HIGH, Told(lambda _: None))
    change = f"`sweep priority mine high --on aws --stack {running.name}`"
    assert str(refused.value) == f"somebody else has started mine meanwhile; {change} changes its priority"
    assert priorities(running) == {"mine": "low"}


def test_one_whose_jobs_stay_or_that_cannot_start_says_what_to_do(
    running: Stack, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(error: Exception | None = None) -> str:
        def start(*_: object) -> None:
            assert error is not None
            raise error

        monkeypatch.setattr(prioritizing, "start_held", start)
        with pytest.raises(CloudError) as refused:
            prioritizing.prioritize(cloud, "mine", Priority.HIGH, Told(told.append))
        return str(refused.value)

    told: list[Event] = []
    left = Stopped(executions=[], jobs=["a", "b"], left=["a", "b"])
    with monkeypatch.context() as patch:
        patch.setattr(prioritizing, "stop_sweep", lambda *_, **__: left)
        assert failed() == "still alive: a, b; look at them in AWS Batch, and stop mine again"
    assert told == [Doing("Stopping mine …")]
    resume = f"`sweep resume mine --on aws --stack {running.name} --priority high`"
    again = f"mine was stopped, and did not start again: no; {resume} tries again"
    assert failed(CloudError("no")) == again
    Control(running.deployment).start(SweepSpec.from_json(ASKED))
    assert failed(InvalidInput(["no"])) == again
    assert priorities(running) == {}


def test_in_python_it_is_shown_and_changed(running: Stack, cloud: Cloud) -> None:
    mine = Api(cloud, SweepSpec.from_json(ASKED), execution=None)
    assert mine.priority == "normal"
    mine.prioritize("low")
    assert (mine.priority, priorities(running)) == ("low", {"mine": "low"})
    for wrong in ("urgent", None):
        with pytest.raises(InvalidInput, match=r'priority: must be one of "high", "normal", "low", got '):
            mine.prioritize(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="mine has low already"):
        mine.prioritize("low")


def test_who_follows_it_is_told_that_it_was_stopped(sweep: Sweep, running: Stack) -> None:
    (arn,) = Control(running.deployment).running("mine")
    with sweep.popen("watch", "mine", "--on", "aws", "--stack", running.name, environment=running.environment) as watch:
        assert watch.stdout is not None
        assert watch.stderr is not None
        watch.stdout.readline()
        running.stop(arn, error="Stopped", cause="stopped")
        assert watch.wait(30) == 1
        assert "mine was stopped by another command, or in the console; if it goes on" in watch.stderr.read()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["mine", "normal"], "priority: the sweep mine has normal already; choose another one"),
        (["rests", "low"], "priority: the sweep rests is not running; `sweep resume rests --on aws --stack {stack} "
                           "--priority low` continues it with that priority"),
        (["mine", "urgent"], "invalid value for '[high|normal|low]'"),
        (["nope", "low"], 'there is no sweep "nope" in '),
    ],
)  # fmt: skip
def test_what_cannot_be_changed_is_said_and_nothing_is_stopped(
    sweep: Sweep, running: Stack, words: list[str], fault: str
) -> None:
    ended = sweep.on(running, "priority", *words)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"sweep: {fault.format(stack=running.name)}")
    assert priorities(running) == {"mine": "normal"}


def test_a_sweep_that_could_not_start_again_is_not_stopped(sweep: Sweep, running: Stack) -> None:
    latest = running.bucket.get_json(keys.latest_key("mine"))
    running.bucket.put_json(keys.latest_key("mine"), {**latest, "trainer_version": "0"})
    ended = sweep.on(running, "priority", "mine", "low")
    assert ended.returncode == 2
    assert ended.stderr == (
        "sweep: name: the stack has another trainer now than mine was planned for, and would refuse to continue it; "
        "let it end, or stop it and resume it with --accept-trainer\n"
    )
    assert priorities(running) == {"mine": "normal"}


def test_a_sweep_at_rest_has_the_priority_that_it_was_started_with_last(
    sweep: Sweep, running: Stack, page: Page
) -> None:
    running.planned(name="rests", parameters={"lr": [0.1]}, epochs=1, priority="low")
    assert running.bucket.get_json(keys.spec_key("rests"))["priority"] == "normal", "what was asked first"
    assert sweep.on(running, "priority", "rests").stdout == "low\n"
    eventually(lambda: "<option selected>low</option>" in page.get("sweeps/rests").text)


@pytest.mark.slow
def test_the_page_changes_it(page: Page, running: Stack) -> None:
    text = Document(page.get("sweeps/mine").text).text
    assert "Priority: normal …" in text
    assert "finished trials are kept" in text
    assert page.post("sweeps/mine/priority", {"priority": "high"}).status_code == 303
    eventually(lambda: priorities(running) == {"mine": "high"})
    eventually(lambda: "Priority: high …" in Document(page.get("sweeps/mine").text).text)


def test_the_page_refuses_what_the_command_line_refuses(page: Page, running: Stack) -> None:
    wrong = page.post("sweeps/mine/priority", {"priority": "<b>"})
    assert wrong.status_code == 404
    assert 'priority: must be one of "high", "normal", "low", got "<b>"' in Document(wrong.text).text
    assert page.post("sweeps/mine/priority", {"priority": "high"}, Origin="http://evil.example").status_code == 403
    page.post("sweeps/rests/priority", {"priority": "high"})
    eventually(lambda: "the sweep rests is not running" in Document(page.get("sweeps/rests").text).text)
    assert priorities(running) == {"mine": "normal"}


def test_what_starts_a_sweep_asks_for_its_priority(page: Page, running: Stack) -> None:
    spec = json.dumps({**ASKED, "name": "new", "priority": "low"})
    for chosen, said in (("", ", with low priority"), ("normal", ""), ("high", ", with high priority")):
        checked = page.post("start", {"spec": spec, "priority": chosen, "action": "check"})
        assert f"It would run 2 trials (lr 2){said}. Nothing was started." in Document(checked.text).text
    wrong = page.post("start", {"spec": spec, "priority": "urgent", "action": "start"})
    assert 'priority: must be one of "high", "normal", "low", got "urgent"' in Document(wrong.text).text
    assert page.post("start", {"spec": spec, "priority": "high", "action": "start"}).status_code == 303
    eventually(lambda: priorities(running) == {"mine": "normal", "new": "high"})
    assert page.post("sweeps/rests/resume", {"priority": "low"}).status_code == 303
    eventually(lambda: priorities(running) == {"mine": "normal", "new": "high", "rests": "low"})


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Path]:
    keep_template(tmp_path / ".stepsweep", {"trainer": str(SCRIPTED)})
    (tmp_path / ".stepsweep" / "data").mkdir(exist_ok=True)
    yield tmp_path
    with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):  # where a test failed half way
        background = psutil.Process(json.loads((tmp_path / ".stepsweep" / "cloud.json").read_bytes())["pid"])
        background.terminate()
        background.wait(60)


@pytest.mark.slow
def test_on_this_machine_no_finished_trial_is_repeated_and_the_jobs_are_of_another_share(local: Path) -> None:
    sweep, environment = Sweep(folder=local), {"STEPSWEEP_TRAINER": str(SCRIPTED)}
    metrics = (local / ".stepsweep" / "s3").glob

    def written() -> dict[str, int]:
        return {file.parent.name: file.stat().st_mtime_ns for file in metrics("*/trials/*/metrics-e2.csv")}

    grid = ("--set", "lr=0.1,0.2,0.3", "--epochs", "2", "--fixed", "act=gate", "--name", "mine")
    assert sweep("start", *grid, environment=environment).returncode == 0
    eventually(lambda: len(written()) == 1)
    before = written()
    changed = sweep("priority", "mine", "high", environment=environment)
    assert changed.returncode == 0, changed.stderr
    assert "mine goes on with high priority." in changed.stdout
    with (
        sweep.popen("priority", "mine", "low", environment=environment) as one,
        sweep.popen("priority", "mine", "normal", environment=environment) as other,
    ):
        assert (one.wait(90), other.wait(90)) == (0, 0), "they wait for each other"
    assert sweep("priority", "mine", "high", environment=environment).returncode == 0
    (local / ".stepsweep" / "data" / "go").touch()
    assert sweep("watch", "mine", environment=environment).returncode == 0
    assert len(written()) == 3
    assert before.items() <= written().items()
    (items,) = metrics("*/sweeps/mine/round-0/to-run.json")
    assert {each["share"][:4] for each in json.loads(items.read_text())} == {"high"}

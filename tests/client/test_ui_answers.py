"""What each address of `sweep ui` answers, as a whole: the text of pages, their links, the headers, the JSON.

Asked in this process, without a server.
"""

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock
from urllib.parse import unquote, urlencode, urlsplit

import pytest
from botocore.exceptions import EndpointConnectionError
from starlette.types import ASGIApp, Message

from stepsweep.client.clouds import trainers
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.logs.reading import LOOK_SECONDS
from stepsweep.client.logs.trial_logs import LocalLog
from stepsweep.client.running.progress import Progress, Training
from stepsweep.client.ui import doings, watching
from stepsweep.client.ui.app import application
from stepsweep.client.ui.doings import Doings, Done
from stepsweep.client.ui.files import Copies
from stepsweep.client.ui.guard import ASKS_FOR_IT, HEADERS, Keys
from stepsweep.client.ui.pages import Pages
from stepsweep.client.ui.recent import Recent
from stepsweep.client.ui.said import Said, said_of, title_of
from stepsweep.client.ui.seen import Moments, Seen
from stepsweep.client.ui.source import Source
from stepsweep.client.ui.trial import TrialWatch, Try
from stepsweep.client.ui.trial_pages import TrialPages
from stepsweep.client.ui.watching import SweepWatch
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.job_outcome import CONTAINER_EXITED
from stepsweep.contract.note import mark_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial
from stepsweep.trainer_script import Script
from tests.support.embedded import eventually
from tests.support.html import Document
from tests.support.recorded import EXECUTION, RecordedCloud

CURVE = {"train_loss": [2.0, 1.0, 0.5], "val_loss": [2.0, 1.5, 1.6], "val_accuracy": [0.5, 0.7, 0.6]}
KEYS = Keys(token="x" * 16, cookie_name="c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def text(self) -> str:
        """The text of a page behind what all pages begin with, without the times of now."""
        whole = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(?!:)", "NOW", Document(self.body).text)
        title, begins, text = whole.partition(" · stepsweep To the content Sweeps Start a sweep cloud ")
        assert begins, whole
        return f"{title}: {text}"

    @property
    def links(self) -> list[str | None]:
        return [each["href"] for each in Document(self.body).named("a")]


@dataclass
class Ending:
    """Whether the server ends, so that no further events come."""

    is_over: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    app: ASGIApp
    trials: Mapping[str, list[Trial]]
    watched: Source
    ending: "Ending"

    def get(self, target: str, **headers: str) -> Answer:
        return self._asked("GET", target, b"", headers)

    def event(self, target: str) -> tuple[str, dict[str, Any]]:
        """Returns the name and the data of the first event; the server ends with it."""
        self.ending.is_over = False
        first, *_ = self.get(target).body.split("\n\n")
        name, data = first.splitlines()
        return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    def post(self, target: str, headers: Mapping[str, str] = {}, /, **form: str) -> Answer:
        return self._asked("POST", target, urlencode({"csrf": KEYS.csrf, **form}).encode(), headers)

    def _asked(self, method: str, target: str, body: bytes, more: Mapping[str, str]) -> Answer:
        given = {"host": "h", "cookie": f"c={KEYS.cookie}", "origin": "http://h", "content-length": str(len(body))}
        headers = [(name.encode(), value.encode()) for name, value in {**given, **more}.items()]
        url = urlsplit(target)
        scope = {"type": "http", "method": method, "path": unquote(url.path), "query_string": url.query.encode()}
        sent: list[Message] = []

        asked = iter([{"type": "http.request", "body": body}])

        async def receive() -> Message:
            if (message := next(asked, None)) is None:
                await asyncio.Event().wait()  # the browser does not go away
            return message or {}

        async def send(message: Message) -> None:
            self.ending.is_over |= bool(message.get("body"))
            sent.append(message)

        asyncio.run(self.app({**scope, "headers": headers}, receive, send))  # type: ignore[arg-type]
        return Answer(
            status=sent[0]["status"],
            headers={name.decode(): value.decode() for name, value in sent[0]["headers"]},
            body=b"".join(each["body"] for each in sent[1:]).decode(),
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patched:
        # So that texts have no path of this run. To the end of the last test, since pages are watched in threads.
        patched.chdir(tmp_path_factory.mktemp("answers"))
        # Or a slow machine answers before it has read the records; and a fork has no threads of the pool.
        patched.setattr(watching, "SOON_SECONDS", 60.0)
        patched.setattr(watching, "_LOOKERS", ThreadPoolExecutor(2))
        recorded = RecordedCloud(directory=Path("cloud"))
        mine = recorded.planned("mine", {"lr": [0.1, 0.01], "act": ["a", "b"]})
        for number, (trial, value) in enumerate(zip(mine, [0.7, 0.9, 0.8], strict=False)):
            recorded.succeeded("mine", trial, {**CURVE, "val_accuracy": [0.5, value, 0.6]}, began=number)
        recorded.left(mine[0], {"best.pt": "model"})
        recorded.failed("mine", mine[3], "first\nlast\n", reason="too hot", began=9)
        recorded.reduced("mine")
        halfway = recorded.planned("halfway", {"lr": [0.1, 0.01]})
        recorded.succeeded("halfway", halfway[0], CURVE)
        front = recorded.planned("front", {"lr": [0.1, 0.2]}, objectives=["val_loss:minimize", "val_accuracy"])
        for trial, loss in zip(front, (0.1, 0.2), strict=True):
            recorded.succeeded("front", trial, {**CURVE, "val_loss": [1.0, 2.0, loss]})
        recorded.reduced("front")
        yield site_of(recorded, {"mine": mine, "halfway": halfway, "front": front})


def site_of(recorded: RecordedCloud, trials: Mapping[str, list[Trial]]) -> Site:
    cloud = Cloud(
        on="local", directory=recorded.directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )
    ending = Ending()
    app = application(
        cloud, keys=KEYS, hosts=frozenset({"h"}), base="/", is_over=lambda: ending.is_over, copies=Copies()
    )
    return Site(app=app, trials=trials, watched=Source(cloud), ending=ending)


START = (
    "A spec, in YAML or JSON, as sweep run takes it {}Name Priority as in the spec high normal low its share of "
    "the machines when several sweeps compete Check Start It runs on this machine, in the background, and continues "
    "when this page is closed. A command runs in the folder in which sweep ui was started."
)
TAKES = (
    "On AWS 0.1 to 0.2 hours, 0.04 to 0.20 USD. The trials take 0.0027 to 0.0028 USD of that: 6 s per epoch, as in the "
    "tutorial, 0.526 USD per hour (a g4dn.xlarge in us-east-1 in 2021). The rest is for 1 machine: boot, image pull, "
    "waiting, idling, disk and IP address. The same search free-running: 0.1 to 0.2 hours, 0.04 to 0.20 USD. "
)
LIKE_FRONT = (
    '{ "parameters": { "lr": [ 0.1, 0.2 ] }, "epochs": 3, "objectives": [ { "metric": "val_loss", "direction": '
    '"minimize", "at": "last" }, { "metric": "val_accuracy", "direction": "maximize", "at": "last" } ], '
    '"keep_artifacts": "front" } '
)
NO_PAGE = "not shown: This cannot be shown {} All sweeps"
SWEEPS = 'there is no sweep "nope" in cloud/s3/bucket; there are the sweeps front, halfway, mine'


def test_the_list(site: Site) -> None:
    answer = site.get("/")
    assert answer.text == (
        "sweeps: Sweeps All sweeps, the newest first Compare sweep status trials best params job time started (UTC) "
        "front finished 2 1 trial on the front of val_loss, val_accuracy 0:00:04 NOW "
        "halfway interrupted 1 of 2 0.7 val_accuracy, so far --lr 0.1 NOW "
        "mine finished 4 1 failed 0.9 val_accuracy --lr 0.1 --act b 0:00:07 NOW Compare the chosen sweeps"
    )
    assert answer.links[-3:] == ["/sweeps/front", "/sweeps/halfway", "/sweeps/mine"]


def test_the_list_has_the_time_that_other_pages_have(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def times() -> list[str]:
        return re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d", site.get("/").body)

    before = times()
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        assert times() == before
    time.tzset()


def test_a_sweep_that_ended_without_a_winner_is_not_green(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path)
    for name, value in (("bad", None), ("good", 0.5)):
        (trial,) = recorded.planned(name, {"lr": [0.1]})
        if value is None:
            recorded.failed(name, trial, "no GPU")
        else:
            recorded.succeeded(name, trial, {"val_accuracy": [value]})
        recorded.reduced(name)
    site = site_of(recorded, {})
    for target in ("/", "/compare?sweep=bad&sweep=good"):
        spans = Document(site.get(target).body).named("span")
        badges = sorted(each["class"] or "" for each in spans if "badge" in (each.get("class") or ""))
        assert badges == ["badge finished", "badge no-winner"], target


def test_side_by_side_trials_after_other_epochs_are_not_the_same(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path / "cloud")
    for name, epochs in (("short", 1), ("long", 2)):
        (trial,) = recorded.planned(name, {"lr": [0.1]}, epochs=epochs)
        recorded.succeeded(name, trial, {"val_accuracy": [0.5] * epochs})
        recorded.reduced(name)
    text = Document(site_of(recorded, {}).get("/compare?sweep=short&sweep=long").body).text
    assert "(short for 1, long for 2), which alone can make a difference sweep status" in text
    said = "short and long have 1 set of params in common; 1 of them after different numbers of epochs, which do not"
    assert f"{said} compare." in text


def test_sweeps_side_by_side(site: Site) -> None:
    assert site.get("/compare?sweep=mine&sweep=front").text == (
        "mine, front: Sweeps side by side The values are not comparable: front has several objectives, and so a Pareto "
        "front instead of a winner. sweep status winner or front metric value difference trials epochs job time "
        "mine finished lr=0.1 act=b val_accuracy 0.9 4 of 4 9 0:00:07 "
        "front finished 1 trial val_loss, val_accuracy 2 of 2 6 0:00:04 "
        "A difference is relative to the first sweep, and positive if a sweep is better. Params in common mine and "
        "front have no params in common. Asked differently field mine front "
        'parameters.lr [0.1, 0.01] [0.1, 0.2] parameters.act ["a", "b"] objective.metric val_accuracy '
        "objective.direction maximize objective.at best "
        'objectives [{"metric": "val_loss", "direction": "minimize", "at": "last"}, '
        '{"metric": "val_accuracy", "direction": "maximize", "at": "last"}]'
    )


@pytest.mark.parametrize(
    ("target", "status", "text"),
    [
        ("/start", 200, f"start a sweep: Start a sweep {START.format('')}"),
        (
            "/start?like=front",
            200,
            "start a sweep: Start a sweep Without a command of its own, it runs the trainer of front . "
            f"{START.format(LIKE_FRONT)}",
        ),
        ("/start?like=nope", 404, NO_PAGE.format(SWEEPS)),
        ("/start?like=..", 404, NO_PAGE.format('no sweep can have the name ".."')),
        ("/sweeps/nope", 404, NO_PAGE.format(SWEEPS)),
        ("/sweeps/mine/trials/x", 404, NO_PAGE.format('the sweep mine has no trial "x"')),
        ("/sweeps/nope/trials/x", 404, NO_PAGE.format(SWEEPS)),
        ("/sweeps/mine/curves/", 404, NO_PAGE.format("there is no such page")),
        ("/static/ui.html", 404, NO_PAGE.format("there is no such file")),
        ("/compare?sweep=mine", 404, NO_PAGE.format("a comparison needs two sweeps or more")),
        ("/sweeps/mine/stop", 404, NO_PAGE.format("there is no such page")),
    ],
)
def test_a_page_of_few_words(site: Site, target: str, status: int, text: str) -> None:
    answer = site.get(target)
    assert (answer.status, answer.text) == (status, text)


def logs_of(trial: Trial, sweep: str) -> str:
    return (
        "Learning curves It has shown no metrics yet. Log The last lines. "
        f"sweep logs {sweep} {trial.trial_id} --dir cloud prints all of them. Stay at the end "
        "There is no output here yet. Its options"
    )


@pytest.mark.parametrize(
    ("entrypoint", "said"),
    [
        (
            "--epochs-as=max_epochs --no-seed -- python train.py {args}",
            "Its command python train.py --lr 0.1 --act a --max_epochs 3 Copy",
        ),
        (
            "--style=env --no-epochs --seed-as=SEED -- sh run.sh {args}",
            "Its command lr=0.1 act=a SEED=0 sh run.sh Copy",
        ),
        (
            "--no-epochs --no-seed -- python train.py {lr} --resume {checkpoint_dir} {act} --",
            "Its command python train.py 0.1 --resume {checkpoint_dir} a Copy",
        ),
        (
            "--into=config.yaml --no-seed -- python train.py {args}",
            'Its command python train.py # config.yaml: {"lr": 0.1, "act": "a", "epochs": 3} Copy',
        ),
        ("--of-another-version -- python train.py {args}", "Its options --lr 0.1 --act a --epochs 3 --seed 0 Copy"),
    ],
)
def test_the_page_of_a_trial_has_the_command_under_the_script_s_own_names(
    site: Site, entrypoint: str, said: str
) -> None:
    script = Script(folder=Path.cwd(), entrypoint=("stepsweep-trial", *entrypoint.split()))
    trainers.remember(Path("cloud"), "mine", script.written(Path("scripts")), container=False)
    try:
        answer = site.get(f"/sweeps/mine/trials/{site.trials['mine'][0].trial_id}")
    finally:
        trainers.forget(Path("cloud"), "mine")
    assert answer.text.endswith(said)


def test_the_winner_has_the_command_under_the_script_s_own_names_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorded = RecordedCloud(directory=tmp_path / "cloud")
    words = ["stepsweep-trial", "--style=name=value", "--no-seed", "--", "python", "train.py", "{args}"]
    script = Script(folder=tmp_path, entrypoint=tuple(words)).written(tmp_path / "scripts")
    winner = "python train.py lr=0.1 epochs=3 Copy lr=0.1{} 0.9 val_accuracy"
    several: dict[str, Any] = {"repeats": 2, "environment": {"WHO": "it's me"}}
    for name, more, said in (("one", {}, ""), ("two", several, " ; the command is that of the first of its 2 trials")):
        for trial in recorded.planned(name, {"lr": [0.1]}, **more):
            recorded.succeeded(name, trial, {**CURVE, "val_accuracy": [0.5, 0.9, 0.6]})
        recorded.reduced(name)
        unknown = Document(site_of(recorded, {}).get(f"/sweeps/{name}").body).text
        assert "Winner --lr 0.1 Copy 0.9" in unknown
        trainers.remember(recorded.directory, name, script, container=False)
        site = site_of(recorded, {})
        winner = f"WHO='it'\"'\"'s me' {winner}" if more else winner
        for path in (f"/sweeps/{name}", f"/sweeps/{name}/report"):
            assert winner.format(said) in Document(site.get(path).body).text, path


def test_the_page_of_a_trial(site: Site) -> None:
    good, *_, bad = site.trials["mine"]
    of_front = site.trials["front"][0]
    tries = "Attempts attempt started (UTC) ran exit code reason"
    answer = site.get(f"/sweeps/mine/trials/{good.trial_id}")
    assert answer.text == (
        "lr=0.1 act=a · mine: mine lr=0.1 act=a Outcome SUCCEEDED val_accuracy 0.7 at epoch 2 Epochs 3 at most 3 "
        f"Trial {good.trial_id} {tries} 1 2026-09-21 14:13:20 0:00:02 "
        f"Files Download them as sweep download mine {good.trial_id} --dir cloud does file size how long "
        f"best.pt 5 Bytes expires {logs_of(good, 'mine')} --lr 0.1 --act a --epochs 3 --seed 0 Copy"
    )
    assert answer.links[-2:] == ["/sweeps/mine", f"/sweeps/mine/trials/{good.trial_id}/files"]
    (body,) = Document(answer.body).named("body")
    assert body == {
        "data-events": f"/sweeps/mine/trials/{good.trial_id}/events",
        "data-metric": "val_accuracy",
        "data-label": "lr=0.1 act=a",
    }
    assert site.get(f"/sweeps/mine/trials/{bad.trial_id}").text == (
        "lr=0.01 act=b · mine: mine lr=0.01 act=b Outcome FAILED exit code 1, too hot, attempt 2 val_accuracy none "
        f"Epochs 0 at most 3 Trial {bad.trial_id} {tries} 1 2026-09-21 14:13:29 0:00:01 1 too hot "
        f"2 2026-09-21 14:13:30 0:00:01 1 too hot {logs_of(bad, 'mine')} --lr 0.01 --act b --epochs 3 --seed 0 Copy"
    )
    assert site.get(f"/sweeps/front/trials/{of_front.trial_id}").text == (
        "lr=0.1 · front: front lr=0.1 Outcome SUCCEEDED val_loss 0.1 at epoch 3 val_accuracy 0.6 at epoch 3 "
        f"Epochs 3 at most 3 Trial {of_front.trial_id} {tries} 1 2026-09-21 14:13:20 0:00:02 "
        f"{logs_of(of_front, 'front')} --lr 0.1 --epochs 3 --seed 0 Copy"
    )


def test_the_attempts_of_a_job_that_are_recorded_in_another_way(tmp_path: Path) -> None:
    """Somebody who may write to the bucket can put anything there."""
    recorded = RecordedCloud(directory=tmp_path)
    (trial,) = recorded.planned("odd", {"lr": [0.1]})
    attempts = [
        {"StartedAt": 2000, "StoppedAt": 1000, "Container": {"ExitCode": "1", "Reason": "a\x1bb"}, "StatusReason": "c"},
        {"StartedAt": 1000, "StoppedAt": "x", "Container": ["y"], "StatusReason": "Host EC2 terminated"},
        {"StoppedAt": 2500, "StartedAt": 1000, "Container": {"ExitCode": 137}},
        {"Container": {"ExitCode": 3}, "StatusReason": CONTAINER_EXITED},  # what the exit code says better
        {"Container": {}, "StatusReason": CONTAINER_EXITED},
    ]
    failure = {"Error": "States.TaskFailed", "Cause": json.dumps({"Attempts": attempts})}
    outcome = {"schema": 1, "execution": EXECUTION, "trial_id": trial.trial_id, "status": "FAILED", "failure": failure}
    recorded.bucket.put_json(keys.outcome_key("odd", 0, trial.trial_id), outcome)
    cloud = Cloud(
        on="local", directory=tmp_path, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )  # fmt: skip
    assert TrialWatch(Source(cloud), "odd", trial.trial_id).look().tries == [
        Try(number=1, started=2000, seconds=0.0, exit_code=None, reason="a b"),
        Try(number=2, started=1000, seconds=None, exit_code=None, reason="Host EC2 terminated"),
        Try(number=3, started=1000, seconds=1.5, exit_code=137, reason=""),
        Try(number=4, started=None, seconds=None, exit_code=3, reason=""),
        Try(number=5, started=None, seconds=None, exit_code=None, reason=CONTAINER_EXITED),
    ]


STOP = (
    "Stop {0}? All its jobs end. Finished trials are kept, and the sweep can be resumed. Go on Stop it Change the "
    "priority of {0}? It decides the sweep's share of the machines when several sweeps compete: high is ten times "
    "the normal one, low a tenth. Jobs keep the priority that they were submitted with. So the sweep is stopped, and "
    "started again: finished trials are kept, and those that run now continue from their checkpoints, or begin again "
    "if their trainer writes none. Priority high normal low Leave it Stop and start again"
)
BUTTONS = "Download the report Start one like it"


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        (
            "mine",
            "finished · mine: mine finished 4 trials (lr 2 x act 2), up to 3 epochs each; the highest val_accuracy "
            "wins. Winner Note Parameters Search Learning curves Leaderboard Failures Jobs Spec Reproduce Reading the "
            f"trials … Train the failed trials again with priority high normal low {BUTTONS} {STOP.format('mine')} "
            "Winner --lr 0.1 --act b Copy 0.9 val_accuracy at epoch 2 of 3 Second: lr=0.01 act=a with 0.8, 0.1 behind. "
            "Trials 4 3 SUCCEEDED · 1 FAILED Epochs trained 9 at most 3 per trial, without those of jobs that left "
            "no metrics Job time 0:00:07 from the start to the end of each attempt Cost none it ran on this machine",
        ),
        (
            "halfway",
            "interrupted · halfway: halfway interrupted 2 trials (lr 2), up to 3 epochs each; the highest "
            "val_accuracy wins. Winner Note Parameters Search Learning curves Leaderboard Jobs Spec Reproduce "
            f"Reading the trials … Resume with priority high normal low {BUTTONS} {STOP.format('halfway')} "
            "It was interrupted: 1 of 2 trials has ended. sweep resume halfway --dir cloud continues it. "
            "Best so far --lr 0.1 Copy 0.7 val_accuracy at epoch 2 of 3 Trials 1 of 2 1 SUCCEEDED Epochs trained 3 "
            "at most 3 per trial Job time … from the start to the end of each attempt Cost none it ran on this machine",
        ),
        (
            "front",
            "finished · front: front finished 2 trials (lr 2), up to 3 epochs each; it looks for the lowest val_loss "
            "and the highest val_accuracy : the result is a front instead of a winner. Front Note Learning curves "
            f"Leaderboard Jobs Spec Reproduce Reading the trials … {BUTTONS} {STOP.format('front')} "
            "The front 1 trial that no other trial beats. A trial beats another if it is at least as good in val_loss "
            "(minimize), val_accuracy (maximize), and better in one. All values of a trial are of one epoch. "
            "params val_loss val_accuracy epoch lr=0.1 0.1 0.6 3 Trials 2 2 SUCCEEDED Epochs trained 6 at most 3 per "
            "trial Job time 0:00:04 from the start to the end of each attempt Cost none it ran on this machine",
        ),
    ],
)
def test_the_page_of_a_sweep(site: Site, name: str, begins: str) -> None:
    answer = site.get(f"/sweeps/{name}")
    assert answer.text.partition(" Note Write one ")[0] == begins
    document = Document(answer.body)
    assert document.named("body") == [{"class": "loading", "data-sweep": f"/sweeps/{name}"}]
    own = [link for link in answer.links if link and link.startswith(("/sweeps/", "/start?"))]
    assert own[:2] == [f"/sweeps/{name}/report", f"/start?like={name}"]
    forms = [f"/sweeps/{name}/{what}" for what in ("stop", "priority", "note")]
    assert [form["action"] for form in document.named("form") if "action" in form] == (
        forms if name == "front" else [f"/sweeps/{name}/resume", *forms]
    )
    assert {each["value"] for each in document.named("input") if each.get("name") == "csrf"} == {KEYS.csrf}


def test_the_data_of_a_sweep(site: Site) -> None:
    first, second, third, failed = (trial.trial_id for trial in site.trials["mine"])
    answer = site.get("/sweeps/mine/jobs")
    assert json.loads(answer.body) == {
        "timeline": {
            "count": 5,
            "all_milliseconds": 7400,
            "lanes": 2,
            "lane": [0, 1, 0, 0, 0],
            "started": [1_790_000_000_000 + 1000 * second for second in (0, 1, 2, 9, 10)],
            "milliseconds": [2000, 2000, 2000, 700, 700],
            "attempt": [1, 1, 1, 1, 2],
            "well": [True, True, True, False, False],
            "id": [first, second, third, failed, failed],
            "rung": [0] * 5,
        },
        "course": {
            "id": [first, second, third, failed],
            "rung": [0] * 4,
            "value": [0.7, 0.9, 0.8, None],
            "number": [1, 2, 3, 4],
            "seconds": [2.0, 3.0, 4.0, 10.7],
            "job_seconds": [2.0, 4.0, 6.0, 7.4],
            "promoted": [False] * 4,
            "improves": [True, True, False, False],
            "count": 4,
            "rungs": [{"name": "3 epochs", "said": "4 ended, 1 failed"}],
            "overs": ["trials", "time", "job-time"],
            "usd_per_job_second": None,
            "ended_by": "",
            "said": "Result 2 of 4 was the best.",
        },
    }
    assert json.loads(site.get("/sweeps/halfway/jobs").body)["course"]["count"] == 1
    curve = {"best": 2, "columns": {**CURVE, "val_accuracy": [0.5, 0.9, 0.6]}}
    asked = site.get(f"/sweeps/mine/curves?trial={second}&trial=nope&trial={failed}")
    assert json.loads(asked.body) == {second: curve}
    data = json.loads(site.get("/sweeps/mine/data").body)
    assert (data["trials"]["id"], data["curves"]["0"]) == ([second, third, first, failed], curve)
    said = "The importance of parameters needs at least 10 trials with a value."
    assert json.loads(site.get("/sweeps/mine/importance").body) == {"importance": {"weights": [], "said": said}}


PAGE, JSON = "text/html; charset=utf-8", "application/json"
NEVER_KEPT = {"cache-control": "no-store"}


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        *((path, {"content-type": PAGE, **NEVER_KEPT}) for path in ("/", "/start", "/sweeps/mine", "/sweeps/nope")),
        *(
            (f"/sweeps/mine/{name}", {"content-type": JSON, **NEVER_KEPT})
            for name in ("data", "curves", "jobs", "importance")
        ),
        *(
            (path, {"content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no", **NEVER_KEPT})
            for path in ("/events", "/sweeps/mine/events")
        ),
        *(
            (
                f"/static/{name}",
                {
                    "content-type": f"text/{kind}; charset=utf-8",
                    "cache-control": "private, max-age=31536000, immutable",
                },
            )
            for name, kind in (("page.css", "css"), ("plotly.js", "javascript"), ("live.js", "javascript"))
        ),
        (
            "/sweeps/mine/report",
            {"content-type": PAGE, "content-disposition": 'attachment; filename="mine.html"', **NEVER_KEPT},
        ),
    ],
)
def test_the_headers(site: Site, target: str, headers: dict[str, str]) -> None:
    answer = site.get(target)
    size = {} if "x-accel-buffering" in headers else {"content-length": str(len(answer.body.encode()))}
    assert answer.headers == {name.lower(): value for name, value in HEADERS.items()} | headers | size


@pytest.mark.parametrize(
    ("form", "status", "text"),
    [
        (
            {"spec": "parameters: {lr: [1]}\nepochs: 3", "name": " new ", "priority": "high"},
            200,
            "It would run 1 trial (lr 1), up to 3 epochs each, with high priority. Nothing was started. "
            + TAKES
            + START.format("parameters: {lr: [1]} epochs: 3 "),
        ),
        (
            {"spec": "parameters: {lr: [1]}\nepochs: 3", "action": "check"},
            200,
            "It would run 1 trial (lr 1), up to 3 epochs each. Nothing was started. "
            + TAKES
            + START.format("parameters: {lr: [1]} epochs: 3 "),
        ),
        (
            {"spec": "[1", "like": "mine"},
            422,
            "Nothing was started: the pasted spec:1: not YAML: expected ',' or ']', but got '<stream end>' "
            "Without a command of its own, it runs the trainer of mine . " + START.format("[1 "),
        ),
        (
            {"spec": "[1]", "action": "start"},
            422,
            'Nothing was started: the input must be a JSON object such as {"parameters": {"lr": [0.1]}, "epochs": 5}, '
            "got [1] " + START.format("[1] "),
        ),
        (
            {"spec": "parameters: {lr: [1]}\nepochs: 3", "name": "a b", "priority": "no", "action": "start"},
            422,
            "Nothing was started: name: must be 1 to 80 letters, digits, - and _ that start with a letter or digit, "
            'got "a b" '
            'priority: must be one of "high", "normal", "low", got "no" '
            + START.format("parameters: {lr: [1]} epochs: 3 "),
        ),
    ],
)
def test_a_spec_that_is_pasted(site: Site, form: dict[str, str], status: int, text: str) -> None:
    answer = site.post("/start", **form)
    assert (answer.status, answer.text) == (status, f"start a sweep: Start a sweep {text}")
    document = Document(answer.body)
    values = {each["name"]: each["value"] for each in document.named("input")}
    like = {"like": form["like"]} if "like" in form else {}
    assert values == {"csrf": KEYS.csrf, "name": form.get("name", "").strip(), **like}
    chosen = re.findall(r"<option selected>(\w+)", answer.body)
    assert chosen == ([form["priority"]] if form.get("priority") in ("high", "low") else [])


def test_what_changes_a_sweep_leads_to_its_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def begin(_self: Doings, name: str, text: str, _work: object) -> bool:
        begun.append(f"{name}: {text}")
        return True

    monkeypatch.setattr(Doings, "_begin", begin)
    wrong = 'priority: must be one of "high", "normal", "low", got {}'
    for target, form, status, said in (
        ("/sweeps/halfway/priority", {"priority": "x"}, 404, wrong.format('"x"')),
        ("/sweeps/halfway/priority", {}, 404, wrong.format('""')),
        ("/sweeps/halfway/resume", {"priority": "x"}, 404, wrong.format('"x"')),
        ("/sweeps/nope/resume", {}, 404, SWEEPS),
    ):
        answer = site.post(target, **form)
        assert (answer.status, answer.text) == (status, NO_PAGE.format(said))
    assert begun == []
    spec = {"spec": "parameters: {lr: [1]}\nepochs: 3", "name": "new", "like": "mine", "action": "start"}
    for target, form, name in (
        ("/sweeps/unknown/stop", {}, "unknown"),
        ("/sweeps/unknown/priority", {"priority": "low"}, "unknown"),
        ("/sweeps/halfway/resume", {"priority": "low"}, "halfway"),
        ("/start", spec, "new"),
    ):
        answer = site.post(target, **form)
        assert (answer.status, answer.headers["location"], answer.body) == (303, f"/sweeps/{name}", "")
    assert begun == [
        "unknown: Stopping unknown …", "unknown: Changing the priority of unknown to low …",
        "halfway: Resuming halfway …", "new: Starting new …",
    ]  # fmt: skip
    text = site.get("/sweeps/new").text
    assert text.startswith("new: new 1 trial (lr 1), up to 3 epochs each; the highest val_accuracy wins. ")
    assert BUTTONS not in text, "it has no records"


def test_of_two_specs_with_one_name_that_are_started_at_once_the_second_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, goes_on = [], threading.Event()

    def start(spec: SweepSpec, _cloud: Cloud, _say: object) -> None:
        started.append(spec.epochs)
        assert goes_on.wait(60)

    monkeypatch.setattr(doings, "_start", start)
    form = {"name": "twin", "like": "mine", "action": "start"}
    first = {**form, "spec": "parameters: {lr: [1]}\nepochs: 3"}
    assert [site.post("/start", **first).status for _ in range(2)] == [303, 303], "a person clicks twice"
    answer = site.post("/start", **{**form, "spec": "parameters: {lr: [1]}\nepochs: 5"})
    said = "name: something is being done with the sweep twin; wait for it, or choose another name"
    assert (answer.status, said in answer.text) == (422, True)
    assert "up to 3 epochs each" in site.get("/sweeps/twin").text
    goes_on.set()
    eventually(lambda: not any(thread.name == "Starting twin …" for thread in threading.enumerate()))
    assert started == [3]


@pytest.mark.parametrize(
    ("headers", "form", "status", "said"),
    [
        (
            {"host": "other"},
            None,
            403,
            "This server has another name. Behind a proxy, start it with --proxy-host NAME.",
        ),
        ({"cookie": "c=0"}, None, 403, ASKS_FOR_IT),
        ({"cookie": f"d={KEYS.cookie}"}, None, 403, ASKS_FOR_IT),
        ({"origin": "http://other"}, {}, 403, "Only this server's own pages may change anything."),
        ({}, {"csrf": "0"}, 403, "The page is from before the server's restart: load it again."),
        ({"content-length": "9999999"}, {}, 413, "A form has at most 1048576 bytes, as UTF-8."),
        ({"content-length": ""}, {}, 413, "A form has at most 1048576 bytes, as UTF-8."),
    ],
)
def test_a_request_that_may_not_pass(
    site: Site, headers: dict[str, str], form: dict[str, str] | None, status: int, said: str
) -> None:
    answer = site.get("/", **headers) if form is None else site.post("/sweeps/mine/stop", headers, **form)
    assert (answer.status, answer.body.strip()) == (status, said)
    plain = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(answer.body.encode()))}
    assert answer.headers == {name.lower(): value for name, value in HEADERS.items()} | plain | NEVER_KEPT


def test_the_token_is_taken_out_of_the_address(site: Site) -> None:
    answer = site.get("/sweeps/mine%22/?x=1&token=" + KEYS.token, cookie="")
    assert (answer.status, answer.body) == (
        200,
        '<!DOCTYPE html><meta http-equiv="refresh" content="0; url=/sweeps/mine%22/"><title>sweep ui</title>'
        '<link rel="icon" href="data:,">',
    )
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["set-cookie"] == f"c={KEYS.cookie}; HttpOnly; Path=/; SameSite=strict"
    assert site.get("/?token=0").body == f"{ASKS_FOR_IT}\n"


def test_a_cloud_that_does_not_answer_is_said_on_the_page(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_self: Source) -> None:
        raise CloudError("it is gone\nand will be back")

    monkeypatch.setattr(Source, "found", gone)
    answer = site.get("/sweeps/mine/report")
    assert (answer.status, answer.text) == (502, NO_PAGE.format("it is gone and will be back"))


def test_the_events(site: Site) -> None:
    name, told = site.event("/events")
    assert (name, list(told)) == ("list", ["rows"])
    assert Document(told["rows"]).text.startswith("All sweeps, the newest first Compare sweep status trials best")
    name, told = site.event("/sweeps/mine/events")
    shown = {
        "said": {"stage": "FINISHED", "sentence": "The sweep is finished; best val_accuracy 0.9."},
        "title": "finished · mine",
        "number": told["number"],
        "note": {"text": "", "mark": mark_of(""), "number": told["note"]["number"]},
    }
    assert (name, {**told, "parts": None}) == ("sweep", {**shown, "parts": None})
    assert {"progress", "actions", "training", "note-shown", "what-failed"} <= told["parts"].keys()
    good, *_, bad = (trial.trial_id for trial in site.trials["mine"])
    name, told = site.event(f"/sweeps/mine/trials/{good}/events")
    assert (name, {**told, "facts": None}) == (
        "trial", {"lines": [], "curve": {"best": 2, "columns": CURVE}, "facts": None, "over": True}
    )  # fmt: skip
    assert Document(told["facts"]).text.startswith("Outcome SUCCEEDED val_accuracy 0.7 at epoch 2 Epochs 3 at most 3")
    name, told = site.event(f"/sweeps/mine/trials/{bad}/events")
    assert (told["lines"], told["curve"], told["over"]) == ([[2, "first"], [2, "last"]], None, True)


def test_a_trial_s_log_has_each_line_once_though_the_cloud_does_not_always_answer(
    site: Site, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails half way through the log of a trial that has ended, and then behind the log."""
    bad = site.trials["mine"][-1].trial_id
    monkeypatch.setitem(LOOK_SECONDS, "local", 0.0)
    looks = Mock(side_effect=[*[CloudError("gone")] * 2, TrialWatch(site.watched, "mine", bad).look()])
    gone = EndpointConnectionError(endpoint_url="https://logs.example")
    news = Mock(side_effect=[half_of_a_log(gone), iter([(2, "last")]), iter([])])
    monkeypatch.setattr(TrialWatch, "look", lambda _self: looks())
    monkeypatch.setattr(LocalLog, "news", lambda _self, **_: news())
    served = TrialPages(site.watched, pages, lambda: False, Copies())
    request: Any = SimpleNamespace(path_params={"sweep": "mine", "trial": bad})

    async def all_events() -> list[Any]:
        answer: Any = await served.events(request)
        return [json.loads(each.partition("data: ")[2]) async for each in answer.body_iterator if "data: " in each]

    *troubles, told = asyncio.run(all_events())
    assert {each["trouble"] for each in troubles} == {"gone"}
    assert (told["lines"], told["over"]) == ([[2, "first"], [2, "last"]], True)


def half_of_a_log(error: Exception) -> Iterator[tuple[int, str]]:
    yield 2, "first"
    raise CloudError("gone") from error


def test_one_thing_at_a_time_is_done_with_a_sweep_and_how_it_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    printed: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)
    doings, goes_on = Doings(told.append), threading.Event()

    def waits(say: Callable[[str], None]) -> None:
        say("step two")
        goes_on.wait()

    def becomes(wanted: Done) -> None:
        eventually(lambda: doings.of("mine") == wanted)

    doings._begin("mine", "step one", waits)
    becomes(Done(text="step two"))
    doings._begin("mine", "not begun", lambda _say: None)
    assert (doings.of("mine"), doings.now()) == (Done(text="step two"), {"mine": "step two"})
    goes_on.set()
    eventually(lambda: len(told) == 3)
    assert (told, doings.of("mine"), doings.now()) == (["mine"] * 3, Done(), {})
    for error, faults in (
        (InvalidInput(["one", "two"]), ("one", "two")),
        (CloudError("one\ntwo"), ("one", "two")),
        (RuntimeError(), ("it ended unexpectedly; the terminal of `sweep ui` says more",)),
    ):

        def broken(_say: Callable[[str], None], error: Exception = error) -> None:
            raise error

        doings._begin("mine", "again", broken)
        becomes(Done(faults=faults))
        assert doings.now() == {"mine": faults[0]}
    assert doings.of("other") == Done()
    eventually(lambda: [each.exc_type for each in printed] == [RuntimeError])


# --- while it runs


@pytest.fixture
def pages(site: Site) -> Pages:
    cloud = site.watched.cloud
    return Pages(base="/", csrf=KEYS.csrf, where=cloud.where, place="cloud", is_local=True)


@pytest.fixture
def seen(site: Site) -> Seen:
    return SweepWatch(site.watched, "halfway", Recent(60), Recent(60)).now()


def text(html: str) -> str:
    return Document(html).text


def test_a_bar_shows_how_many_trials_are_in_each_state(site: Site, pages: Pages, seen: Seen) -> None:
    trials = site.trials["halfway"]
    training = tuple(
        Training(trial=trial, latest={"epoch": 2.0, "val_accuracy": 0.75} if number == 0 else {})
        for number, trial in enumerate([*trials, *trials * 11])
    )
    progress = Progress(
        round_number=2, planned=2000, to_run=1600, ended=500, failed=100, running=240, starting=60, seconds=3700.4,
        round_began=100.0, training=training, waits_for="MISCONFIGURATION:SOMETHING_NEW - no",
    )  # fmt: skip
    standing = replace(seen.report.standing, executions=["arn"])
    shown = replace(
        seen, report=replace(seen.report, standing=standing), progress=progress, trouble="it is gone", faults=("wrong",)
    )
    assert said_of(shown, Done()).sentence == "900 of 2,000 trials of round 2 have ended; best val_accuracy 0.7."
    parts = pages.parts(shown, Done(text="Stopping halfway …", faults=("it failed",)))
    assert text(parts["progress"]) == (
        "Stopping halfway … it failed wrong it is gone; the sweep continues Round 2 400 finished before 400 done "
        "100 failed 240 running 60 starting 800 queued 1:01:40, about 2:11:46 left "
        "jobs wait: MISCONFIGURATION:SOMETHING_NEW - no; `sweep doctor --on aws` looks further"
    )
    bar = Document(parts["progress"])
    assert [(each["class"], each["x"], each["width"]) for each in bar.named("rect")] == [
        ("finished-before", "0.0", "20.0"),
        ("done", "20.0", "20.0"),
        ("failed", "40.0", "5.0"),
        ("running", "45.0", "12.0"),
        ("starting", "57.0", "3.0"),
        ("queued", "60.0", "40.0"),
    ]
    assert bar.named("svg")[0]["aria-label"] == said_of(shown, Done()).sentence
    assert text(parts["actions"]) == f"Stop … Priority: normal … {BUTTONS}"
    running = text(parts["training"])
    assert running.startswith("Running now trial epoch val_accuracy lr=0.1 2/3 0.75 lr=0.01 …/3 ")
    assert running.endswith(" lr=0.01 …/3 … and 4 trials more")
    assert Document(parts["training"]).named("a")[0]["href"] == f"/sweeps/halfway/trials/{trials[0].trial_id}"


@pytest.mark.parametrize(
    ("progress", "shown", "said"),
    [
        (
            Progress(planned=3, to_run=3, running=None, seconds=5),
            "0 done 3 not ended 0:00:05",
            "0 of 3 trials have ended; best val_accuracy 0.7.",
        ),
        (
            Progress(planned=1, to_run=1, ended=1, running=0, seconds=5),
            "1 done 0:00:05, about 0:00:00 left",
            "1 of 1 trial has ended; best val_accuracy 0.7.",
        ),
        (Progress(planned=0, seconds=1), "0 done 0:00:01", "0 of 0 trials have ended; best val_accuracy 0.7."),
        (Progress(), "The trials are being planned.", "The trials are being planned."),
        (None, "", "The sweep is interrupted; best val_accuracy 0.7."),
    ],
)
def test_a_sweep_that_has_hardly_begun(
    pages: Pages, seen: Seen, progress: Progress | None, shown: str, said: str
) -> None:
    seen = replace(seen, progress=progress)
    assert text(pages.parts(seen, Done())["progress"]) == shown
    assert said_of(seen, Done()).sentence == said


def test_how_far_a_sweep_with_several_objectives_is(site: Site) -> None:
    seen = SweepWatch(site.watched, "front", Recent(60), Recent(60)).now()
    assert said_of(seen, Done()).sentence == "The sweep is finished; 1 trial on the front."


def test_a_sweep_that_is_being_started_is_not_said_to_be_interrupted(site: Site, seen: Seen) -> None:
    asked = Moments(site.watched.cloud, "halfway").only_asked(Path("cloud"), seen.report.standing.spec, [])
    assert said_of(asked, Done(text="Starting …")) == Said(stage="doing", sentence="Starting …")
    assert said_of(asked, Done(faults=("no", "room"))) == Said(stage="failed", sentence="no; room")
    assert said_of(asked, Done()).sentence == "The records are being read."
    assert title_of(asked) == "halfway"

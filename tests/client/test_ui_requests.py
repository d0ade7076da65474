"""How often the page of a running sweep asks for the same thing, while trials end and pages come and go."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import EndpointConnectionError
from botocore.httpsession import URLLib3Session

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.operations.follow import POLL_SECONDS
from stepsweep.client.running import execution as execution_module
from stepsweep.client.running.control import Control
from stepsweep.client.ui import app, feed, overview, watching
from stepsweep.client.ui.files import Copies
from stepsweep.contract import keys
from stepsweep.contract.spec import SweepSpec
from tests.support.batch_queue import Job, Queue, served
from tests.support.embedded import eventually
from tests.support.stack import Stack

ASKED = {"name": "mine", "parameters": {"lr": [number / 10 for number in range(1, 9)]}, "epochs": 2}
CHANGING = ("latest.json", "note.json")


@pytest.fixture
def running(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A running sweep, found as the deployed one is, which is looked at as often as it can be."""
    Control(stack.deployment).start(SweepSpec.from_json(ASKED))
    stack.planned(**ASKED)
    monkeypatch.setattr(Cloud, "_on_aws", lambda _self: stack.deployment)
    monkeypatch.setitem(POLL_SECONDS, "aws", 0.01)
    monkeypatch.setattr(watching, "CALM_SECONDS", 0.0)
    monkeypatch.setattr(watching, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(feed, "LINGER_SECONDS", 0.0)
    monkeypatch.setitem(overview.LOOK_SECONDS, "aws", 0.01)
    return stack


@pytest.fixture
def asked(running: Stack, monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """Counts the requests for objects and for logs."""
    counted: Counter[tuple[str, str]] = Counter()
    send, lock = URLLib3Session.send, threading.Lock()

    def counting(session: URLLib3Session, request: AWSPreparedRequest) -> Any:
        bucket, _, key = urlsplit(request.url).path.removeprefix("/").partition("/")
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
        with lock:
            if bucket == running.deployment.bucket and key:
                counted[request.method, key] += 1
            elif "GetLogEvents" in str(request.headers.get("X-Amz-Target")):
                counted["log", json.loads(body)["logStreamName"].rpartition("/")[2]] += 1
        return send(session, request)

    monkeypatch.setattr(URLLib3Session, "send", counting)
    return counted


@pytest.fixture
def site(running: Stack) -> app.Site:
    cloud = Cloud(
        on="aws", directory=Path("nowhere"), trainer=None, job_vcpus=None, profile=None, region=None, stack=running.name
    )
    no_pages: Any = None
    return app.Site(cloud, no_pages, lambda: False, Copies())


@pytest.fixture
def trials(running: Stack) -> list[Any]:
    return running.planned(**ASKED)


def ask(site: app.Site, sweep: str = "mine") -> dict[str, Any]:
    """Asks for all that a page asks for when trials have ended."""
    request: Any = SimpleNamespace(path_params={"sweep": sweep})
    data: dict[str, Any] = json.loads(bytes(site.data(request).body))
    for read in (site.jobs, site.importance):
        read(request)
    return data


def looks(site: app.Site, until: Callable[[watching.Seen], bool]) -> watching.Seen:
    """Opens the page, and closes it once it shows what is wanted and has looked a few times more."""
    found = site._watch("mine").feed
    with found.watched():
        eventually(lambda: found.latest is not None and until(found.latest))
        number = found._number
        eventually(lambda: found._number > number + 3)
        assert found.latest is not None
        return found.latest


def test_of_a_running_sweep_nothing_that_cannot_change_is_asked_for_twice(
    site: app.Site, running: Stack, trials: list[Any], asked: Counter[tuple[str, str]]
) -> None:
    bad = [trial.trial_id for trial in trials[:2]]
    for trial in trials[:2]:
        running.failed("mine", trial, "ValueError: too hot")
    for number, trial in enumerate(trials[2:5]):
        running.succeeded("mine", trial, [0.5, 0.6 + number / 100])
    asked.clear()

    assert len(ask(site)["trials"]["rank"]) == 5
    seen = looks(site, lambda seen: len(seen.report.standing.rows) == 5)
    reasons = {row.trial_id: row.reason for row in seen.report.standing.rows if row.rank is None}
    assert reasons == dict.fromkeys(bad, "exit code 1: ValueError: too hot")
    ask(site)

    # Later another page looks, and two more trials end.
    eventually(lambda: not any(thread.name == "sweep mine" for thread in threading.enumerate()))
    running.failed("mine", trials[5], "ValueError: too cold")
    running.succeeded("mine", trials[6], [0.5, 0.9])
    puts = Counter({what: times for what, times in asked.items() if what[0] == "PUT"})
    seen = looks(site, lambda seen: len(seen.report.standing.rows) == 7)
    assert seen.report.standing.winner is not None
    assert seen.report.standing.winner.trial_id == trials[6].trial_id
    assert ask(site)["trials"]["rank"][0] == 1

    several = {what: times for what, times in (asked - puts).items() if times > 1 and what[0] != "PUT"}
    changing = {what for what in several if what[1].endswith(CHANGING)}
    best = {("GET", trial.metrics_key) for trial in trials[2:5] + trials[6:7]}
    # The curve of one of the best is read when it comes among them, once.
    assert {what: times for what, times in several.items() if what not in changing | best} == {}
    assert {times for what, times in several.items() if what in best} <= {2}
    assert {what[1] for what in asked if what[0] == "log"} == {*bad, trials[5].trial_id}
    assert asked["GET", keys.plan_key("mine", 0)] == 1


def test_the_list_reads_nothing_of_a_sweep_that_it_watches(
    site: app.Site, running: Stack, trials: list[Any], asked: Counter[tuple[str, str]]
) -> None:
    running.succeeded("mine", trials[0], [0.5, 0.6])
    lines = site._overview
    with lines.feed.watched():
        watched = site._watch("mine").feed
        eventually(lambda: watched.latest is not None and watched.latest.plan is not None)
        eventually(lambda: bool(lines.feed.latest and lines.feed.latest.lines[0].best == 0.6))
        asked.clear()
        running.succeeded("mine", trials[1], [0.5, 0.7])
        eventually(lambda: bool(lines.feed.latest and lines.feed.latest.lines[0].best == 0.7))
        assert lines.feed.latest is not None
        (line,) = lines.feed.latest.lines
        assert (line.entry.status, line.entry.planned, line.entry.ended) == ("RUNNING", 8, 2)
    read = {key for method, key in asked if method == "GET"}
    assert read <= {
        keys.latest_key("mine"), keys.note_key("mine"), trials[1].metrics_key,
        keys.outcome_key("mine", 0, trials[1].trial_id),
    }  # fmt: skip


def test_the_curve_of_a_running_trial_grows_and_its_rows_are_asked_for_once_a_look(
    site: app.Site, running: Stack, trials: list[Any], asked: Counter[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution_module, "READ_LIVE_SECONDS", 0)
    live = keys.live_key(trials[0].trial_id)
    lengths = []
    with served(Queue({"a": Job(sweep="mine", name=trials[0].trial_id)})) as url:
        deployment = running.with_batch(url)
        monkeypatch.setattr(Cloud, "_on_aws", lambda _self: deployment)
        for data in (b"", b"epoch,val_accuracy\n1,0.5\n", b"epoch,val_accuracy\n1,0.5\n2,0.75\n"):
            running.bucket.put(live, data, "text/csv")
            before = asked["GET", live]
            seen = site._watch("mine").now()
            curve = seen.report.curves.get(trials[0].trial_id)
            lengths.append(curve.epochs if curve else 0)
            assert asked["GET", live] == before + 1
    assert lengths == [0, 1, 2]
    assert (set(seen.report.unfinished), seen.report.standing.planned, seen.is_begun) == ({trials[0].trial_id}, 8, True)
    (row,) = seen.report.running
    assert (row.trial_id, row.params, row.epoch, row.epochs_trained) == (trials[0].trial_id, {"lr": 0.1}, 2, 2)


def test_what_one_look_finds_a_page_has_that_looks_at_the_same_time(
    site: app.Site, running: Stack, trials: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial's end is news in one look alone, here in that of the feed, which has not got round to it."""
    running.succeeded("mine", trials[0], [0.5, 0.6])
    has_looked, goes_on = threading.Event(), threading.Event()
    look = execution_module.Execution._look

    def slowly(execution: execution_module.Execution, **options: Any) -> Any:
        found = look(execution, **options)
        if threading.current_thread() is not threading.main_thread():
            has_looked.set()
            goes_on.wait(60)
        return found

    monkeypatch.setattr(execution_module.Execution, "_look", slowly)
    with site._watch("mine").feed.watched():
        assert has_looked.wait(60)
        data = ask(site)
        goes_on.set()
    assert data["trials"]["id"] == [trials[0].trial_id]
    assert data["is_planned"]


def test_a_page_is_told_that_its_sweep_is_not_planned_yet(site: app.Site, running: Stack) -> None:
    """It goes on to show what an earlier execution left."""
    Control(running.deployment).start(SweepSpec.from_json({**ASKED, "name": "another"}))
    data = ask(site, "another")
    assert (data["trials"]["id"], data["columns"], data["is_planned"]) == ([], [], False)


def test_a_page_keeps_what_it_shows_until_a_look_has_succeeded(
    site: app.Site, running: Stack, trials: list[Any]
) -> None:
    """Batch does not answer, to which the records have been read already."""
    running.succeeded("mine", trials[0], [0.5, 0.6])
    answers = threading.Event()

    def answer(**_: object) -> None:
        if not answers.is_set():
            raise EndpointConnectionError(endpoint_url="https://batch.example")

    running.deployment.batch.meta.events.register("before-call.batch.ListJobs", answer)
    request: Any = SimpleNamespace(path_params={"sweep": "mine"})
    watched = site._watch("mine").feed
    with watched.watched():
        eventually(lambda: watched.latest is not None and "batch.example" in watched.latest.trouble)
        assert not json.loads(bytes(site.data(request).body))["is_planned"]
        answers.set()
        eventually(lambda: watched.latest is not None and not watched.latest.trouble)
        data = json.loads(bytes(site.data(request).body))
    assert (data["is_planned"], data["trials"]["id"]) == (True, [trials[0].trial_id])

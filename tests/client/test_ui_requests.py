"""How often the page of a running sweep asks for the same thing, while trials end and pages come and go."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.httpsession import URLLib3Session

from stepsweep.client.archive.recorded import Archive
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.operations.follow import POLL_SECONDS
from stepsweep.client.running import jobs as jobs_module
from stepsweep.client.running.control import Control
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.progress import Ending
from stepsweep.client.ui import app, feed, overview, watching
from stepsweep.client.ui.feed import Feed
from stepsweep.client.ui.files import Copies
from stepsweep.client.ui.seen import Seen
from stepsweep.client.ui.source import Source
from stepsweep.client.ui.watches import Watches
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.note import Note
from stepsweep.contract.spec import SweepSpec
from tests.support.batch_queue import Job, Queue, served
from tests.support.clients import client_of
from tests.support.embedded import eventually
from tests.support.specs import NOW
from tests.support.stack import Stack

ASKED = {"name": "mine", "parameters": {"lr": [number / 10 for number in range(1, 9)]}, "epochs": 2}
CHANGING = ("latest.json", "note.json")


@pytest.fixture
def running(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A running sweep, found as the deployed one is, which is looked at as often as it can be."""
    Control(stack.deployment).start(SweepSpec.from_json(ASKED))
    stack.planned(**ASKED)
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: stack.deployment)
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
    return app.Site(Watches(Source(cloud)), no_pages, lambda: False, Copies())


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


def looks(site: app.Site, until: Callable[[Seen], bool]) -> Seen:
    """Opens the page, and closes it once it shows what is wanted and has looked a few times more."""
    found = site.watches.of("mine").feed
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
    lines = site.watches.overview
    with lines.feed.watched():
        watched = site.watches.of("mine").feed
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
    monkeypatch.setattr(jobs_module, "READ_LIVE_SECONDS", 0)
    live = keys.live_key(trials[0].trial_id)
    lengths = []
    with served(Queue({"a": Job(sweep="mine", name=trials[0].trial_id)})) as url:
        deployment = running.with_batch(url)
        monkeypatch.setattr(Cloud, "on_aws", lambda _self: deployment)
        for data in (b"", b"epoch,val_accuracy\n1,0.5\n", b"epoch,val_accuracy\n1,0.5\n2,0.75\n"):
            running.bucket.put(live, data, "text/csv")
            before = asked["GET", live]
            seen = site.watches.of("mine").now()
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
    look = Execution._look

    def slowly(execution: Execution, **options: Any) -> Any:
        found = look(execution, **options)
        if threading.current_thread() is not threading.main_thread():
            has_looked.set()
            goes_on.wait(60)
        return found

    monkeypatch.setattr(Execution, "_look", slowly)
    with site.watches.of("mine").feed.watched():
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
    """The look has read the records, and then Batch does not answer."""
    running.succeeded("mine", trials[0], [0.5, 0.6])
    answers = threading.Event()

    def answer(**_: object) -> None:
        if not answers.is_set():
            raise EndpointConnectionError(endpoint_url="https://batch.example")

    running.deployment.batch.meta.events.register("before-call.batch.ListJobs", answer)
    request: Any = SimpleNamespace(path_params={"sweep": "mine"})
    watched = site.watches.of("mine").feed
    with watched.watched():
        eventually(lambda: watched.latest is not None and "batch.example" in watched.latest.trouble)
        assert not json.loads(bytes(site.data(request).body))["is_planned"]
        answers.set()
        eventually(lambda: watched.latest is not None and not watched.latest.trouble)
        data = json.loads(bytes(site.data(request).body))
    assert (data["is_planned"], data["trials"]["id"]) == (True, [trials[0].trial_id])


# --- what happens while nobody looks, or while something is being read


@pytest.fixture
def watch(site: app.Site, monkeypatch: pytest.MonkeyPatch) -> watching.SweepWatch:
    """The watch of the running sweep. What rests is looked at as often as it can be."""
    monkeypatch.setattr(watching, "REREAD_SECONDS", 0.01)
    monkeypatch.setitem(watching.LOOK_SECONDS, "aws", 0.01)
    return site.watches.of("mine")


def stop(running: Stack) -> None:
    for arn in Control(running.deployment).running("mine"):
        running.stop(arn)


def start_again(running: Stack) -> None:
    Control(running.deployment).start(SweepSpec.from_json(ASKED))
    running.planned(**ASKED)


def nobody_looks() -> None:
    eventually(lambda: not any(thread.name == "sweep mine" for thread in threading.enumerate()))


def shown(watch: watching.SweepWatch, until: Callable[[Seen], bool]) -> Seen:
    """Opens the page, and closes it once it shows what is wanted."""
    with watch.feed.watched():
        eventually(lambda: watch.feed.latest is not None and until(watch.feed.latest))
        assert watch.feed.latest is not None
        found = watch.feed.latest
    nobody_looks()
    return found


def test_a_page_that_was_out_of_sight_reads_anew_what_has_changed_and_nothing_else(
    site: app.Site, running: Stack, watch: watching.SweepWatch, trials: list[Any]
) -> None:
    stop(running)
    had = ask(site)["number"]
    assert shown(watch, lambda _: True).number == had
    start_again(running)
    running.succeeded("mine", trials[0], [0.5, 0.6])
    stop(running)
    assert shown(watch, lambda seen: len(seen.report.standing.rows) == 1).number > had


def test_what_was_read_before_a_sweep_ran_is_not_shown_once_it_has(
    site: app.Site, running: Stack, trials: list[Any]
) -> None:
    stop(running)
    assert ask(site)["trials"]["id"] == []
    start_again(running)
    assert ask(site)["standing"] == "RUNNING"
    running.succeeded("mine", trials[0], [0.5, 0.6])
    stop(running)
    data = ask(site)
    assert (data["standing"], data["trials"]["id"]) == ("INTERRUPTED", [trials[0].trial_id])


def test_why_an_execution_failed_is_told_until_another_one_has_planned(
    running: Stack, watch: watching.SweepWatch, trials: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "the trainer has changed"
    failed = Ending(status="FAILED", output=None, error="Wrong", cause=why)
    monkeypatch.setattr(Execution, "ending", lambda _self: failed)
    with watch.feed.watched():
        eventually(lambda: watch.feed.latest is not None and watch.feed.latest.progress is not None)
        stop(running)
        eventually(lambda: watch.feed.latest is not None and watch.feed.latest.faults == (why,))
    nobody_looks()
    assert watch.now().faults == (why,)
    start_again(running)  # with the command line, say
    assert watch.now().progress is not None
    running.succeeded("mine", trials[0], [0.5, 0.6])
    stop(running)
    seen = watch.now()
    assert (len(seen.report.standing.rows), seen.faults) == (1, ())


def test_a_sweep_that_was_removed_is_not_shown_as_if_it_were_there(
    site: app.Site, running: Stack, watch: watching.SweepWatch
) -> None:
    watch.expect(SweepSpec.from_json(ASKED))  # it was started here
    stop(running)
    assert watch.now().is_begun
    with watch.feed.watched():
        eventually(lambda: watch.feed.latest is not None)
        site.watches.source.found().archive.records.remove("mine")
        eventually(lambda: watch.feed.latest is not None and "there is no sweep" in str(watch.feed.latest.faults))
    nobody_looks()
    site.watches._recent.forget("mine")
    with pytest.raises(InvalidInput, match="there is no sweep"):
        watch.now()


def test_a_note_that_is_written_while_the_records_are_read_is_shown(
    running: Stack, watch: watching.SweepWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.now()
    read, new = watching.SweepWatch._read, Note(text="lr 0.1 is best", written_at=NOW)

    def overtaken(self: watching.SweepWatch, found: Any) -> Seen:
        seen = read(self, found)
        with monkeypatch.context() as at_last:
            at_last.setattr(watching.SweepWatch, "_read", read)
            running.bucket.put_json(keys.note_key("mine"), new.to_json())
            watch.noted(new)
        return seen

    stop(running)
    monkeypatch.setattr(watching.SweepWatch, "_read", overtaken)
    assert watch.now().report.note.text == new.text
    monkeypatch.setattr(watching.SweepWatch, "_read", read)
    seen = shown(watch, lambda _: True)
    assert seen.report.note.text == new.text
    with watch.feed.watched():
        eventually(lambda: watch.feed.latest is not None)
        number = watch.noted(Note(text="newer"))
        assert watch.feed.latest is not None
        assert watch.feed.latest.note_number == number > seen.note_number


def test_a_note_that_is_written_while_a_running_sweep_s_is_read_is_shown(
    watch: watching.SweepWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, new = Archive.note, Note(text="lr 0.1 is best")

    def overtaken(archive: Archive, name: str) -> Note:
        had = read(archive, name)
        watch.noted(new)
        return had

    monkeypatch.setattr(Archive, "note", overtaken)
    assert watch.now().report.note == new


class Overtaken:
    """A lock that somebody else takes first."""

    def __init__(self, lock: Any, first: Callable[[], object]) -> None:
        self._lock = lock
        self._first: list[Callable[[], object]] = [first]

    def __enter__(self) -> None:
        if self._first:
            self._first.pop()()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.mark.parametrize("does", [watching.SweepWatch.changed, lambda watch: watch.noted(Note(text="good"))])
def test_what_is_told_of_a_sweep_does_not_take_the_place_of_newer_news(
    running: Stack, watch: watching.SweepWatch, monkeypatch: pytest.MonkeyPatch, does: Callable[[Any], None]
) -> None:
    running_one = watch.now()
    stop(running)
    ended = watch.now()
    watch.feed.publish(running_one)
    monkeypatch.setattr(watch.feed, "_lock", Overtaken(watch.feed._lock, lambda: watch.feed.publish(ended)))
    does(watch)
    assert watch.feed.latest is not None
    assert watch.feed.latest.report.standing.status == "INTERRUPTED"


def test_pages_go_on_once_the_disk_does_what_it_refused(
    site: app.Site, watch: watching.SweepWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = site.watches.overview.feed
    with watch.feed.watched(), lines.watched():
        eventually(lambda: watch.feed.latest is not None and lines.latest is not None)
        with monkeypatch.context() as full:

            def refused(_self: object, **_: object) -> Any:
                raise OSError(24, "Too many open files")

            full.setattr(Source, "found", refused)
            full.setattr(Execution, "_look", refused)
            eventually(lambda: "Too many open files" in str(watch.feed.latest and watch.feed.latest.trouble))
            eventually(lambda: "Too many open files" in str(lines.latest and lines.latest.trouble))
        eventually(lambda: watch.feed.latest is not None and not watch.feed.latest.trouble)
        eventually(lambda: lines.latest is not None and not lines.latest.trouble)


def test_credentials_that_a_person_has_renewed_are_taken_without_a_restart(
    site: app.Site,
    running: Stack,
    watch: watching.SweepWatch,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Clients of AWS keep the credentials that they were made with."""
    old = replace(running.deployment, step_functions=client_of("stepfunctions", running.environment))
    has_expired = threading.Event()
    request.addfinalizer(has_expired.clear)  # tests share clients

    def answer(**_: object) -> None:
        if has_expired.is_set():
            raise ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "too old"}}, "ListExecutions")

    old.step_functions.meta.events.register("before-call.sfn", answer)
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: old)
    lines = site.watches.overview.feed
    with watch.feed.watched(), lines.watched():
        eventually(lambda: watch.feed.latest is not None and lines.latest is not None)
        has_expired.set()
        for found in (watch.feed, lines):
            eventually(partial(has_trouble, found, "credentials have expired"))
        monkeypatch.setattr(Cloud, "on_aws", lambda _self: running.deployment)
        for found in (watch.feed, lines):
            eventually(partial(has_trouble, found, ""))


def has_trouble(found: Feed[Any], wanted: str) -> bool:
    assert found.latest is not None
    trouble = str(found.latest.trouble)
    return wanted in trouble if wanted else not trouble


def test_after_an_error_of_ours_the_next_page_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)
    begun: list[int] = []

    def renew(found: Feed[int]) -> None:
        begun.append(len(begun))
        found.publish(len(begun))
        if len(begun) == 1:
            raise RuntimeError
        while found.is_watched:
            found.wait(0.01)

    found = Feed("a value", renew)
    monkeypatch.setattr(feed, "LINGER_SECONDS", 0.0)
    with found.watched():
        eventually(lambda: len(printed) == 1)
        with found.watched():
            eventually(lambda: found.latest == 2)


def test_a_call_that_comes_as_a_wait_ends_wakes_the_next_one() -> None:
    found = Feed[int]("a value", lambda _: None)

    class Late(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            was_set = super().wait(timeout)
            if not was_set:
                found.wake()
            return was_set

    found._woken = Late()
    assert [found.wait(0.0), found.wait(0.0)] == [False, True]

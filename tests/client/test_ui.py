"""`sweep ui` over real HTTP: who gets in, what changes anything, and that nothing that a trial wrote is markup."""

import asyncio
import contextlib
import errno
import gc
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import uvicorn

from stepsweep.bucket.stores import FolderStore
from stepsweep.client.cli.interrupts import signals_interrupt
from stepsweep.client.clouds import trainers
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.logs.trial_logs import CloudLog, LocalLog
from stepsweep.client.ui import app, recent, watching
from stepsweep.client.ui.doings import Doings
from stepsweep.client.ui.feed import Feed
from stepsweep.client.ui.files import Copies, zipped
from stepsweep.client.ui.guard import MIN_TOKEN, Keys
from stepsweep.client.ui.seen import Seen
from stepsweep.client.ui.serve import serve
from stepsweep.client.ui.source import Source
from stepsweep.client.ui.watches import Watches
from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer_script import Script
from tests.support.command import Sweep
from tests.support.embedded import REPOSITORY, eventually
from tests.support.hostile import HOSTILE
from tests.support.html import Document
from tests.support.ports import free_port
from tests.support.recorded import RecordedCloud
from tests.support.stack import Stack
from tests.support.ui import Page, served

CURVE = {"train_loss": [2.0, 1.0, 0.5], "val_loss": [2.0, 1.5, 1.6], "val_accuracy": [0.5, 0.7, 0.6]}
HUGE = 50_000_000


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedCloud:
    """A sweep of which a trial failed and said something hostile, an interrupted one, and one with a forged plan."""
    recorded = RecordedCloud(directory=tmp_path_factory.mktemp("ui") / "cloud")
    trials = recorded.planned("mine", {"lr": [0.1, 0.01], "act": ["a", "b"]})
    for number, (trial, value) in enumerate(zip(trials, [0.7, 0.9, 0.8], strict=False)):
        recorded.succeeded("mine", trial, {**CURVE, "val_accuracy": [0.5, value, 0.6]}, began=number)
    recorded.left(trials[0], {"best.pt": "model", "out/<b>.txt": "x"})
    recorded.failed("mine", trials[3], f"first\n{HOSTILE}\n", reason=HOSTILE, began=9)
    recorded.reduced("mine")
    first, *_ = recorded.planned("halfway", {"lr": [0.1, 0.01]})
    recorded.succeeded("halfway", first, CURVE)
    # No spec can ask for such params, but somebody who may write to the bucket can put them there.
    recorded.planned("forged", {"lr": [0.1], "act": ["a"]})
    (file,) = (recorded.directory / "s3").glob("*/sweeps/forged/round-0/plan.json")
    file.write_text(re.sub(r'("act": ?)"a"', lambda found: found[1] + json.dumps(HOSTILE), file.read_text()))
    return recorded


@pytest.fixture(scope="module")
def page(recorded: RecordedCloud) -> Iterator[Page]:
    with served(recorded.directory.parent, "--dir", "cloud") as page:
        yield page


def cloud_of(recorded: RecordedCloud) -> Cloud:
    return Cloud(
        on="local", directory=recorded.directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )


def trial_of(page: Page, sweep: str, place: int) -> str:
    return str(page.get(f"sweeps/{sweep}/data").json()["trials"]["id"][place])


# --- when it ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_starts_ends_it_in_order(
    recorded: RecordedCloud,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
    number: signal.Signals,
) -> None:
    def signalled(_config: uvicorn.Config) -> None:
        signal.raise_signal(number)  # after the port is open, before uvicorn listens to signals

    monkeypatch.setattr(uvicorn.Config, "get_loop_factory", signalled)
    of_the_tests = signal.signal(number, signal.SIG_DFL)  # a shell's `&` and `nohup` have them ignore some
    try:
        with pytest.raises(KeyboardInterrupt), signals_interrupt():
            serve(cloud_of(recorded), port=free_port(), base="/", proxy_hosts=(), token=None, on_ready=lambda _: None)
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, of_the_tests)
    gc.collect()  # a coroutine that nobody awaited complains when it is collected
    assert [str(warning.message) for warning in recwarn] == []


# --- who gets in


def test_it_listens_on_the_loopback_interface_only(page: Page) -> None:
    name, port = page.host.split(":")
    assert name == "127.0.0.1"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in others:
        if not str(address).startswith("127."):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((str(address), int(port)), timeout=5)


@pytest.mark.parametrize(
    "path", ["", "sweeps/mine", "sweeps/mine/data", "sweeps/mine/events", "static/page.css", "nix"]
)
def test_without_the_token_nothing_is_shown(page: Page, path: str) -> None:
    answer = page.stranger(path)
    assert answer.status_code == 403
    assert answer.text == "Open the address that `sweep ui` printed: it has the token that this page asks for.\n"
    assert page.stranger(path, Cookie=f"stepsweep-{page.host.split(':')[1]}=0").status_code == 403


def test_a_wrong_token_sets_no_cookie_and_the_right_one_a_strict_one(page: Page) -> None:
    wrong = page.stranger("?token=wrong")
    assert (wrong.status_code, "Set-Cookie" in wrong.headers) == (403, False)
    right = requests.get(page.address, timeout=30)
    cookie = right.headers["Set-Cookie"]
    assert right.headers["Referrer-Policy"] == "no-referrer"
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert page.address.partition("token=")[2] not in cookie + right.text, "the token is in the address only"


@pytest.mark.parametrize("target", ["//evil.example/", "/%5Cevil.example", "/%22onload=x"])
def test_the_token_leads_to_no_other_site(page: Page, target: str) -> None:
    token = page.address.partition("?")[2]
    (refresh,) = Document(requests.get(f"http://{page.host}{target}?{token}", timeout=30).text).named("meta")
    assert refresh["content"] is not None
    url = refresh["content"].removeprefix("0; url=")
    assert url.startswith("/")
    assert not url.startswith(("//", "/\\"))
    assert '"' not in url


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "localhost:1", ""])
def test_another_name_of_this_machine_is_refused(page: Page, host: str) -> None:
    """DNS rebinding: a page of evil.example whose name now means 127.0.0.1."""
    assert page.get("", Host=host).status_code == 403
    assert page.get("?token=" + page.address.partition("token=")[2], Host=host).status_code == 403


def test_a_cookie_that_is_hard_to_read_is_refused_at_once(page: Page) -> None:
    """Python 3.11.7 unquotes it in minutes, and the server answers nobody meanwhile."""
    name = f"stepsweep-{page.host.split(':')[1]}"
    assert page.stranger("", Cookie=f'{name}="{60_000 * chr(92)}"').status_code == 403


def test_another_cookie_of_the_same_name_keeps_nobody_out(page: Page) -> None:
    """A server on another port of this machine may set one for a deeper path, and the browser sends that one first."""
    ours = "; ".join(f"{each.name}={each.value}" for each in page.session.cookies)
    assert page.stranger("", Cookie=f"{ours.partition('=')[0]}=0; {ours}").status_code == 200


def test_localhost_is_a_name_of_this_server(page: Page) -> None:
    assert page.get("", Host=f"localhost:{page.host.split(':')[1]}").status_code == 200


def test_every_answer_forbids_scripts_but_the_server_s_own(page: Page) -> None:
    for path in ("", "sweeps/mine", "sweeps/nope", "static/page.css"):
        headers = page.get(path).headers
        policy = dict(rule.strip().split(" ", 1) for rule in headers["Content-Security-Policy"].split(";"))
        assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
        assert (policy["frame-ancestors"], policy["form-action"]) == ("'none'", "'self'")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "private, max-age=31536000, immutable", "its name changes with what it holds"
    for path in ("", "sweeps/mine", "start", "compare?sweep=mine&sweep=halfway"):
        document = Document(page.get(path).text)
        assert all(each.get("src", "").startswith("/static/") for each in document.named("script"))  # type: ignore[union-attr]
        links = [
            attributes[name] for _, attributes in document.elements for name in ("src", "href") if name in attributes
        ]
        assert [link for link in links if link and not link.startswith(("/", "#", "data:,"))] == []


# --- what changes anything


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:1", "http://["])
def test_another_site_s_form_changes_nothing(page: Page, origin: str) -> None:
    answer = page.post("sweeps/mine/stop", {}, Origin=origin)
    assert (answer.status_code, answer.text) == (403, "Only this server's own pages may change anything.\n")


def test_a_form_without_the_csrf_token_changes_nothing(page: Page) -> None:
    for csrf in ("", "0" * 64, page.address.partition("token=")[2]):
        assert page.post("sweeps/mine/resume", {"csrf": csrf}).status_code == 403
    assert page.get("sweeps/mine/resume").status_code == 404, "a link changes nothing"


def test_a_form_that_is_too_large_is_not_read(page: Page) -> None:
    assert page.post("start", {"spec": "x" * 2_000_000}).status_code == 413


def test_faults_of_a_pasted_spec_are_those_of_the_command_line(page: Page, sweep: Sweep) -> None:
    spec = 'parameters:\n  lr: [0.1, "0.1"]\n  dup: []\nepoch: 3\n'
    (sweep.folder / "spec.yaml").write_text(spec)
    said = sweep("plan", "spec.yaml").stderr.splitlines()
    answer = page.post("start", {"spec": spec, "action": "start"})
    assert answer.status_code == 422
    text = Document(answer.text).text
    assert len(said) > 1
    for line in said:
        # Code is shown as such, and Document has a space on both sides of it.
        assert re.sub(r"[`\s]", "", line.removeprefix("sweep: ")) in re.sub(r"\s", "", text)
    assert "Nothing was started" in text
    assert spec in answer.text.replace("&#34;", '"'), "what was pasted is still there"


def test_a_checked_spec_is_described_and_not_started(page: Page) -> None:
    answer = page.post("start", {"spec": '{"parameters": {"lr": [0.1, 0.01]}, "epochs": 3}', "action": "check"})
    text = Document(answer.text).text
    assert "It would run 2 trials (lr 2), up to 3 epochs each. Nothing was started. On AWS " in text
    assert "The trials take 0.0" in text, "as `sweep plan` says it"
    untold = '{"parameters": {"lr": [0.1]}, "epochs": 3, "command": "sh {lr}"}'
    said = Document(page.post("start", {"spec": untold, "action": "check"}).text).text
    assert "The script is not told to train 3 epochs, since command has no {epochs}." in said.replace("`", "")
    model = {"search": {"method": "tpe", "trials": 2}, "warm_start": ["nosuch"]}
    told_by_nobody = json.dumps({"parameters": {"lr": [0.1, 0.2]}, "epochs": 3, **model})
    for action in ("check", "start"):
        answer = page.post("start", {"spec": told_by_nobody, "name": "mine", "action": action})
        assert answer.status_code == 422
        assert 'warm_start[0]: the sweep "nosuch" is not among these records' in Document(answer.text).text
    dear = json.dumps({"parameters": {"lr": [0.1, 0.2]}, "epochs": 3, "budget_usd": 0.01})
    for action in ("check", "start"):
        answer = page.post("start", {"spec": dear, "action": action})
        assert "budget_usd: 2 trials of up to 3 epochs may cost" in Document(answer.text).text
    misspelled = json.dumps({"parameters": {"lr": [0.7]}, "epochs": 3, "command": "pyhton train.py"})
    for action in ("check", "start"):
        answer = page.post("start", {"spec": misspelled, "name": "mine", "action": action})
        assert answer.status_code == 422
        text = Document(answer.text).text
        assert "there is no program pyhton in the PATH; did you mean python?" in text
        assert 'name: the sweep "mine" is there already and asked for something else' in text
    broken = page.post("start", {"spec": "{", "action": "check"})
    assert "the pasted spec:1: not JSON" in Document(broken.text).text


def test_one_like_it_begins_with_what_was_asked_and_runs_its_trainer(tmp_path: Path) -> None:
    """A spec that a person began with had a `command`, which is no part of the sweep's record."""
    recorded, project = RecordedCloud(directory=tmp_path / "cloud"), tmp_path / "project"
    recorded.planned("first", {"lr": [0.1, 0.01]})
    project.mkdir()
    script = Script(folder=project, entrypoint=("stepsweep-trial", "--", "python", "train.py"))
    trainers.remember(recorded.directory, "first", script.written(recorded.directory / "scripts"), container=False)
    project.rmdir()
    with served(tmp_path, "--dir", "cloud") as page:
        form = page.get("start?like=first").text
        assert 'name="like" value="first"' in form
        assert "it runs the trainer of first" in Document(form).text
        spec = '{"parameters": {"lr": [0.1, 0.01]}, "epochs": 3}'
        assert json.loads(Document(form).text.partition("takes it ")[2].partition(" Name")[0]) == json.loads(spec)
        answer = page.post("start", {"spec": spec, "like": "first", "action": "start"})
        assert answer.status_code == 422
        assert f"--trainer: the trainer of the sweep first, {project}, is gone" in Document(answer.text).text
        assert 'name="like" value="first"' in answer.text
        assert page.post("start", {"spec": spec, "like": "../x", "action": "start"}).status_code == 422


def test_a_sweep_that_could_not_be_started_is_in_the_list_with_the_reason(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path / "cloud")
    recorded.planned("first", {"lr": [0.1]})
    spec = '{"parameters": {"lr": [0.1]}, "epochs": 1}'
    with served(tmp_path, "--dir", "cloud", "--trainer", str(tmp_path)) as page:
        assert page.post("start", {"spec": spec, "name": "second", "action": "start"}).status_code == 303
        eventually(lambda: "second : --trainer: there is no Dockerfile in" in Document(page.get("").text).text)
        assert page.get("sweeps/second").status_code == 200


# --- what trials wrote


def test_params_reasons_and_logs_stay_text(page: Page) -> None:
    for path in ("sweeps/mine", f"sweeps/mine/trials/{trial_of(page, 'mine', 3)}"):
        document = Document(page.get(path).text)
        assert [each for each in document.named("script") if "src" not in each] == []
        assert document.named("img") == []
        assert not [name for _, attributes in document.elements for name in attributes if name.startswith("on")]
        assert "alert(1)" in document.text
    told = next(page.events("sweeps/mine/events"))
    assert "alert(1)" in told["parts"]["what-failed"]
    assert "<script" not in json.dumps(told)
    log = next(page.events(f"sweeps/mine/trials/{trial_of(page, 'mine', 3)}/events"))
    assert log["lines"][0] == [2, "first"]
    assert "</script><script>alert(1)" in log["lines"][1][1], "a text of JSON, which the page puts into textContent"
    assert "\x1b" not in log["lines"][1][1]


def test_a_trials_page_names_its_files(page: Page, recorded: RecordedCloud) -> None:
    (left,) = (recorded.directory / "s3").glob("*/artifacts/new/*")
    text = Document(page.get(f"sweeps/mine/trials/{left.name}").text).text
    assert re.search(r"best\.pt\s+5 Bytes\s+expires\s+out/<b>\.txt\s+1 Byte\s+expires", text)
    assert f"sweep download mine {left.name} --dir cloud" in text
    assert "sweep download" not in Document(page.get(f"sweeps/mine/trials/{trial_of(page, 'mine', 3)}").text).text


def unzipped(answer: requests.Response) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_trials_files_come_as_one_archive(page: Page, recorded: RecordedCloud) -> None:
    (left,) = (recorded.directory / "s3").glob("*/artifacts/new/*")
    path = f"sweeps/mine/trials/{left.name}/files"
    answer = page.get(path)
    title = f"mine-{left.name}"
    assert unzipped(answer) == {f"{title}/best.pt": b"model", f"{title}/out/<b>.txt": b"x"}
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{title}.zip"'
    assert page.stranger(path).status_code == 403
    without = page.get(f"sweeps/mine/trials/{trial_of(page, 'mine', 3)}/files")
    assert (without.status_code, "has no artifacts: it is FAILED" in Document(without.text).text) == (404, True)
    assert "/sweeps/mine/files" not in [each["href"] for each in Document(page.get("sweeps/mine").text).named("a")]


def test_the_winners_files_come_as_one_archive_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path / "cloud")
    trials = recorded.planned("kept", {"lr": [0.1, 0.2]}, artifacts=["*.pt"])
    for trial, value in zip(trials, (0.5, 0.9), strict=True):
        recorded.succeeded("kept", trial, {"val_accuracy": [value]})
        recorded.left(trial, {"best.pt": f"of {value}"})
    recorded.reduced("kept")
    (tmp_path / "scratch").mkdir()
    with served(tmp_path, "--dir", "cloud", environment={"TMPDIR": str(tmp_path / "scratch")}) as page:
        links = {each["href"]: each for each in Document(page.get("sweeps/kept").text).named("a")}
        assert links["/sweeps/kept/files"]["target"] == "_blank", "a reason why there are none is shown, not downloaded"
        answer = page.get("sweeps/kept/files")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="kept.zip"'
        assert unzipped(answer) == {"kept/best.pt": b"of 0.9"}
        eventually(lambda: not any(path.name.startswith("sweep-files-") for path in (tmp_path / "scratch").iterdir()))
        shutil.rmtree(tmp_path / "scratch")
        without_room = page.get("sweeps/kept/files")
        text = Document(without_room.text).text
        assert without_room.status_code == 502
        assert re.search(r"the files of kept cannot be packed: .*/scratch/sweep-files-\w+: No such file", text)
        assert "sweep download kept --dir cloud makes no further copy; or start sweep ui with TMPDIR" in text


@pytest.mark.slow
def test_a_download_that_the_servers_end_cuts_off_leaves_nothing(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path / "cloud")
    (trial,) = recorded.planned("kept", {"lr": [0.1]}, artifacts=["*.pt"])
    recorded.succeeded("kept", trial, {"val_accuracy": [0.5]})
    recorded.left(trial, {"best.pt": "x" * 20_000_000})  # more than the system keeps between two sockets
    recorded.reduced("kept")
    (scratch := tmp_path / "scratch").mkdir()
    words = ("ui", "--json", "--dir", "cloud")
    with Sweep(folder=tmp_path).popen(*words, environment={"TMPDIR": str(scratch)}) as process:
        assert process.stdout is not None
        page = Page(address=json.loads(process.stdout.readline())["address"], session=requests.Session())
        page.session.get(page.address, timeout=30)
        with page.session.get(f"{page.root}sweeps/kept/files", stream=True, timeout=30):
            assert [path.name[:12] for path in scratch.iterdir()] == ["sweep-files-"]
            process.terminate()
            assert process.wait(30) == 0
        assert list(scratch.iterdir()) == []
        assert process.stderr is not None
        assert "ERROR" not in process.stderr.read()


def test_files_without_room_say_where_there_may_be_some(
    recorded: RecordedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    (left,) = (recorded.directory / "s3").glob("*/artifacts/new/*")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2))
    with pytest.raises(InvalidInput, match=r"have 6 bytes, and 2 are free there; `sweep download mine .*TMPDIR"):
        zipped(cloud_of(recorded), "mine", [left.name], Copies())


def test_a_disk_that_gets_full_is_told_as_it_was_then(
    recorded: RecordedCloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def usage(_: object) -> SimpleNamespace:
        return SimpleNamespace(free=3_000_000 if list(tmp_path.iterdir()) else 9_000_000_000)

    (left,) = (recorded.directory / "s3").glob("*/artifacts/new/*")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    monkeypatch.setattr(shutil, "disk_usage", usage)
    with pytest.raises(CloudError, match=r"packed: No space left on device: 3\.0 MB are free on the disk at "):
        zipped(cloud_of(recorded), "mine", [left.name], Copies())
    assert list(tmp_path.iterdir()) == []


def test_what_the_disk_refuses_is_said_on_the_page(recorded: RecordedCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error", "spec.json")

    monkeypatch.setattr(Source, "found", refused)
    keys, sent = Keys(token="x" * MIN_TOKEN, cookie_name="c"), []
    site = app.application(
        cloud_of(recorded), keys=keys, hosts=frozenset({"h"}), base="/", is_over=lambda: True, copies=Copies()
    )
    headers = [(b"host", b"h"), (b"cookie", f"c={keys.cookie}".encode())]
    scope = {"type": "http", "method": "GET", "path": "/sweeps/mine/report", "query_string": b"", "headers": headers}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(site(scope, None, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 500
    assert "spec.json: Input/output error" in Document(sent[1]["body"].decode()).text
    told: list[str] = []
    doings = Doings(told.append)
    doings._begin("mine", "Starting", refused)
    eventually(lambda: doings.of("mine").faults == ("spec.json: Input/output error",))
    assert told == ["mine", "mine"]


def test_forged_params_are_refused_and_named_as_text(page: Page) -> None:
    for path in ("sweeps/forged", ""):
        document = Document(page.get(path).text)
        assert "sweeps/forged/round-0/plan.json: trials[0]: params" in document.text
        assert "<script>alert(1)" in document.text
        assert document.named("img") == []
    assert "mine finished" in document.text, "the other sweeps are shown"


@pytest.mark.parametrize(
    "path",
    ["sweeps/..%2F..%2Fetc/data", "sweeps/%2e%2e", "sweeps/..%5C..", "sweeps/.", "sweeps/a%00b", "sweeps/nope",
     "sweeps/mine/trials/..%2F..", "sweeps/mine/trials/%2e%2e", "static/..%2F..%2Fpyproject.toml",
     "static/%2e%2e%2fui.html", "static/ui.html", "sweeps/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
     "compare?sweep=../x&sweep=mine"],
)  # fmt: skip
def test_a_name_is_no_path(page: Page, path: str) -> None:
    answer = page.session.send(_as_it_is(page, path), timeout=30)
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


def _as_it_is(page: Page, path: str) -> requests.PreparedRequest:
    request = page.session.prepare_request(requests.Request("GET", page.root))
    request.url = page.root + path  # not made neat, as `requests` would
    return request


def test_of_a_huge_log_the_end_is_shown(page: Page, recorded: RecordedCloud) -> None:
    trial = trial_of(page, "halfway", 0)
    file = recorded.directory / "logs" / trial / "job-1.log"
    file.parent.mkdir(parents=True)
    with file.open("w") as log:
        log.seek(HUGE)  # a file with a hole
        log.write("\n" + "long " * 10_000 + "\nthe last line\n")
    told = next(page.events(f"sweeps/halfway/trials/{trial}/events"))
    assert told["lines"][-1] == [1, "the last line"]
    assert len(json.dumps(told)) < 1_000_000
    assert max(len(line) for _, line in told["lines"]) <= 2_000


def test_what_a_trial_puts_beside_its_logs_is_no_log(tmp_path: Path) -> None:
    logs = tmp_path / "a"
    (logs / "job-3.log").mkdir(parents=True)
    os.mkfifo(logs / "job-4.log")
    (logs / "x-y.log").write_text("not a number\n")
    (logs / "job-0.log").write_text("no attempt\n")
    (logs / "job-2.log").write_text("second\n")
    assert list(LocalLog(tmp_path, "a", None, []).news(is_over=True)) == [(2, "second")]


def test_of_a_log_without_an_end_of_line_the_last_part_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a" / "job-1.log"
    file.parent.mkdir()
    with file.open("wb") as log:
        log.seek(1_000 * HUGE)  # a file with a hole, of which all would not fit into the memory
        log.write(b"\nthe last line\n")
    assert LocalLog(tmp_path, "a", None, []).tail(2) == ["the last line"]


def test_on_aws_a_log_begins_with_its_last_lines_and_goes_on(stack: Stack) -> None:
    (trial,) = stack.planned(name="mine", parameters={"a": [1]}, epochs=1)
    stack.failed("mine", trial, "first")
    stream = f"{stack.name}/{trial.trial_id}"
    stack.say(trial.trial_id, "second")
    stack.say(trial.trial_id, "third")
    assert not list(CloudLog(stack.deployment, trial.trial_id, ["later"]).news(is_over=False, at_most=64))
    log = CloudLog(stack.deployment, trial.trial_id, [stream])
    assert [line for _, line in log.news(is_over=False, at_most=64)] == ["second", "third"]
    stack.say(trial.trial_id, "fourth")
    assert [line for _, line in log.news(is_over=False, at_most=64)] == ["fourth"]


def test_on_aws_the_list_has_the_cost(stack: Stack, tmp_path: Path) -> None:
    for trial in stack.planned(name="mine", parameters={"a": [1]}, epochs=1):
        stack.succeeded("mine", trial, [0.5])
    stack.reduced("mine")
    with served(tmp_path, "--on", "aws", "--stack", stack.name, environment=stack.environment) as page:
        assert "mine finished 1 0.5 val_accuracy --a 1 0.00 USD" in Document(page.get("").text).text
        assert page.get("sweeps/mine/data").json()["trials"]["rank"] == [1]


# --- what is shown


def test_the_list_has_each_sweep_with_its_best_value(page: Page) -> None:
    text = Document(page.get("").text).text
    assert "mine finished 4 1 failed 0.9 val_accuracy" in text
    assert "halfway interrupted 1 of 2 0.7 val_accuracy , so far --lr 0.1" in text.replace(
        "accuracy, so", "accuracy , so"
    )
    rows = next(page.events("events"))["rows"]
    assert "halfway" in rows
    # A line that ends within options separates them from each other, and not the dashes from their name.
    assert '<code><span class="option">--lr 0.1</span></code>' in rows


def test_a_sweep_has_what_its_report_has(page: Page) -> None:
    text = Document(page.get("sweeps/mine").text).text
    assert "0.9 val_accuracy at epoch 2 of 3" in text
    assert "Failures" in text
    data = page.get("sweeps/mine/data").json()
    assert data["trials"]["rank"] == [1, 2, 3, None]
    assert list(data["curves"]) == ["0", "1", "2"]
    assert page.get("sweeps/mine/jobs").json()["timeline"]["lanes"] == 2
    assert page.get("sweeps/mine/jobs").json()["course"]["improves"] == [True, True, False, False]
    assert "needs at least 10 trials" in page.get("sweeps/mine/importance").json()["importance"]["said"]
    curve = page.get(f"sweeps/mine/curves?trial={data['trials']['id'][2]}&trial=nope").json()
    assert list(curve) == [data["trials"]["id"][2]]
    report = page.get("sweeps/mine/report")
    assert report.headers["Content-Disposition"] == 'attachment; filename="mine.html"'
    assert "0.9 val_accuracy at epoch 2 of 3" in Document(report.text).text


def test_sweeps_side_by_side(page: Page) -> None:
    text = Document(page.get("compare?sweep=mine&sweep=halfway").text).text
    assert "halfway was interrupted" in text
    assert "parameters.lr" not in text, "the same was asked of it"
    assert "a comparison needs two sweeps or more" in Document(page.get("compare?sweep=mine").text).text


# --- what the server keeps


def alive(kind: type) -> int:
    gc.collect()
    return sum(issubclass(type(each), kind) for each in gc.get_objects())  # isinstance asks objects, and some warn


def test_of_the_sweeps_that_were_looked_at_only_the_last_ones_are_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = RecordedCloud(directory=tmp_path / "cloud")
    names = [f"sweep-{number}" for number in range(5)]
    for name in names:
        recorded.planned(name, {"lr": [0.1]})
    cloud = cloud_of(recorded)
    source, kept = Source(cloud), recent.Recent[Seen](60.0)
    watches = [watching.SweepWatch(source, name, kept, recent.Recent(60.0)) for name in names]
    gc.freeze()  # to look through all that other tests left takes seconds
    try:
        for watch in watches:
            watch.now()
        assert alive(Seen) == len(names)
        later = time.monotonic() + 61
        monkeypatch.setattr(time, "monotonic", lambda: later)
        watches[0].now()
        assert alive(Seen) == 1
    finally:
        gc.unfreeze()


def test_a_plan_is_read_once_for_all_that_a_page_asks_for(
    recorded: RecordedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of thousands of trials takes tens of MiB while it is read, and a page asks again whenever a trial ends."""
    reads: list[str] = []
    get = FolderStore.get

    def counted(self: FolderStore, key: str, *, at_most: int | None = None) -> bytes | None:
        reads.append(key)
        return get(self, key, at_most=at_most)

    monkeypatch.setattr(FolderStore, "get", counted)
    monkeypatch.setattr("stepsweep.client.ui.watches.FRESH_SECONDS", 3600.0)
    cloud = cloud_of(recorded)
    no_pages: Any = None
    request: Any = SimpleNamespace(path_params={"sweep": "mine"})
    site = app.Site(Watches(Source(cloud)), no_pages, lambda: False, Copies())
    for ask in (site.data, site.jobs, site.importance):
        ask(request)
    assert [key for key in reads if key.endswith("/to-run.json")] == ["sweeps/mine/round-0/to-run.json"]


def test_of_a_sweep_that_changes_only_the_last_picture_is_in_memory() -> None:
    class Picture:
        pass

    alive = weakref.WeakSet[Picture]()

    def made() -> Picture:
        picture = Picture()
        alive.add(picture)
        return picture

    def renew(feed: Feed[Picture]) -> None:
        while feed.is_watched:
            feed.publish(made())
            feed.wait(0.001)

    async def looked(feed: Feed[Picture]) -> None:
        numbers = iter(range(20))
        async for _ in feed.changes(lambda: next(numbers, None) is None):
            assert len(alive) <= 3, "the last one, that of the page, and the one that is being made"

    asyncio.run(looked(Feed("pictures", renew)))


# --- the command


def test_behind_a_proxy_it_has_a_path_and_another_name(recorded: RecordedCloud) -> None:
    options = ("--dir", "cloud", "--base-path", "/team/sweeps", "--proxy-host", "proxy.example")
    environment = {"STEPSWEEP_UI_TOKEN": "a-token-of-my-own"}
    with served(recorded.directory.parent, *options, environment=environment) as page:
        assert page.address.endswith("/team/sweeps/?token=a-token-of-my-own")
        document = Document(page.get("", Host="proxy.example").text)
        links = [each["href"] for each in document.named("a") + document.named("link")]
        assert [link for link in links if link and not link.startswith(("/team/sweeps/", "#", "data:"))] == []
        assert page.get("sweeps/mine", Host="proxy.example").status_code == 200
        assert requests.get(f"http://{page.host}/", timeout=30, cookies=page.session.cookies).status_code in (403, 404)
        slash = page.session.get(page.root.rstrip("/"), timeout=30, allow_redirects=False)
        assert slash.headers["Location"] == "/team/sweeps/", "it names no scheme: that of the proxy may be another one"


def test_it_ends_though_a_page_is_still_being_made(tmp_path: Path) -> None:
    """Weighing the parameters of many trials takes longer than anybody waits for the end."""
    program = """
import sys, time
from stepsweep.client.cli.main import main
from stepsweep.client.ui import app
def never(*args, **named):
    print("begun", file=sys.stderr, flush=True)
    time.sleep(3600)
app.compare = never
main()
"""
    (tmp_path / "cloud").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", program, "ui", "--json", "--dir", "cloud"], cwd=tmp_path,
        env=Sweep(folder=tmp_path).environment({"PYTHONPATH": str(REPOSITORY / "src")}), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            address = json.loads(process.stdout.readline())["address"]
            session = requests.Session()
            session.get(address, timeout=30)
            asking = threading.Thread(target=_asked_in_vain, args=(session, address.partition("?")[0] + "compare"))
            asking.start()
            assert process.stderr.readline() == "begun\n"
            process.terminate()
            assert process.wait(60) == 0
            asking.join()
        finally:
            process.kill()


def _asked_in_vain(session: requests.Session, url: str) -> None:
    with contextlib.suppress(requests.RequestException):
        session.get(url, timeout=60)


def test_wrong_options_are_named_all_at_once(sweep: Sweep) -> None:
    ended = sweep("ui", "--base-path", "/a b", environment={"STEPSWEEP_UI_TOKEN": "short"})
    assert ended.returncode == 2
    assert "--base-path: must be a path such as /sweeps" in ended.stderr
    assert "STEPSWEEP_UI_TOKEN: must have 16 or more printable ASCII characters" in ended.stderr


def test_a_port_in_use_is_named(sweep: Sweep) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = sweep("ui", "--port", str(port))
    assert ended.returncode == 2
    assert ended.stderr == f"sweep: --port: {port} cannot be listened on: Address already in use\n"


def test_without_the_extra_it_is_said_how_to_install_it(tmp_path: Path) -> None:
    program = "import sys; sys.modules['starlette'] = None; from stepsweep.client.cli.main import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "ui", "--dir", str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr == "sweep: `sweep ui` needs starlette: pip install 'stepsweep[ui]'\n"

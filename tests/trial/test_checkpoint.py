"""The checkpoint folder of `stepsweep-trial`: real processes that are killed, against S3 over HTTP."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stepsweep.contract import keys
from tests.support.embedded import REPOSITORY
from tests.support.kit import Kit
from tests.support.trainer import BUCKET, environment, job_environment

EPOCHS = 4
KEY = "checkpoints/{}/checkpoint-e{}.tar"

TRAIN = """
import os, pathlib, sys, time
folder = pathlib.Path(os.environ["STEPSWEEP_CHECKPOINT_DIR"])
file = folder / "model" / "weights.txt"
done = int(file.read_text()) if file.exists() else 0
print("begins at", done)
for epoch in range(done + 1, 5):
    print(f"epoch {epoch} val_loss={1 / epoch}")
    file.parent.mkdir(exist_ok=True)
    file.write_text(str(epoch))
    if epoch == 2 and not done and os.environ.get('WAIT'):
        time.sleep(600)
"""


class Trial:
    """A trial whose attempts are processes, each in a folder of its own."""

    def __init__(self, name: str, code: str, folder: Path, endpoint: str, s3: Any) -> None:
        self.name, self._s3, self._folder = name, s3, folder
        (folder / "train.py").write_text(code)
        self._endpoint, self._attempts, self.epochs = endpoint, 0, EPOCHS
        self.options: list[str] = []

    @contextlib.contextmanager
    def start(self, *words: str, **more: str) -> "Iterator[subprocess.Popen[str]]":
        """An attempt; its processes are killed at the end, as those of a container are."""
        self._attempts += 1
        folder = self._folder / f"attempt-{self._attempts}"
        folder.mkdir()
        script = [sys.executable, str(self._folder / "train.py")]
        with subprocess.Popen(
            [
                sys.executable,
                "-m",
                "stepsweep.trial",
                *self.options,
                "--",
                *script,
                *words,
                "{args}",
                "--lr",
                "0.1",
                "--epochs",
                str(self.epochs),
            ],
            cwd=folder,
            env=environment(**{**job_environment(self._endpoint, trial_id=self.name, epochs=self.epochs), **more}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def finish(self, *words: str, **more: str) -> tuple[int, str, str]:
        with self.start(*words, **more) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def saved(self) -> dict[str, bytes]:
        """The files of the version that is in S3."""
        try:
            data = self._s3.get_object(Bucket=BUCKET, Key=KEY.format(self.name, self.epochs))["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return {}
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            files = [(member.name, tar.extractfile(member)) for member in tar if member.isfile()]
            return {name: file.read() for name, file in files if file is not None}

    def metrics(self) -> list[str]:
        key = f"trials/{self.name}/metrics-e{self.epochs}.csv"
        text: str = self._s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        return text.splitlines()


Make = Callable[[str, str], Trial]


@pytest.fixture
def trial(tmp_path: Path, endpoint: str, s3: Any) -> Make:
    return lambda name, code: Trial(name, code, tmp_path, endpoint, s3)


def go_on(process: "subprocess.Popen[str]") -> None:
    """Ends the script's `input()`."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def until(holds: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGKILL])
def test_the_second_attempt_goes_on_from_what_the_first_left(trial: Make, kill: signal.Signals) -> None:
    mine = trial(f"killed-{kill.name.lower()}", TRAIN)
    with mine.start(WAIT="yes") as first:
        until(lambda: mine.saved().get("checkpoint/model/weights.txt") == b"2", first)
        first.send_signal(kill)
        assert first.wait(60) != 0
    code, out, err = mine.finish()
    assert code == 0, err
    assert "begins at 2" in out
    assert mine.metrics() == ["epoch,val_loss", "1,1.0", "2,0.5", f"3,{1 / 3!r}", "4,0.25"]


def test_at_sigterm_what_the_script_saves_then_is_kept(trial: Make) -> None:
    code = """
import os, signal, sys
def end(*_):
    with open(os.environ["STEPSWEEP_CHECKPOINT_DIR"] + "/last.txt", "w") as file:
        file.write("saved at the end")
    sys.exit(75)
signal.signal(signal.SIGTERM, end)
print("ready")
signal.pause()
"""
    mine = trial("saves-at-sigterm", code)
    with mine.start() as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 75
    assert mine.saved()["checkpoint/last.txt"] == b"saved at the end"


def test_a_file_that_is_half_written_when_the_script_is_killed_is_not_kept(trial: Make) -> None:
    code = """
import os, signal
folder = os.environ["STEPSWEEP_CHECKPOINT_DIR"]
if not os.listdir(folder):
    with open(folder + "/a", "w") as file:
        file.write("one")
    input()
    with open(folder + "/a", "w") as file:
        file.write("half of tw")
        file.flush()
        print("half", flush=True)
        signal.pause()
print("epoch 4 found", open(folder + "/a").read())
"""
    mine = trial("half", code)
    with mine.start() as process:
        until(lambda: mine.saved().get("checkpoint/a") == b"one", process)
        go_on(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 75
        assert process.stderr is not None
        assert "the version before stays" in process.stderr.read()
    assert mine.saved()["checkpoint/a"] == b"one"


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    ("ends", "last"),
    [("print('warming up'); sys.exit('RuntimeError: q broke')", "RuntimeError: q broke"), ("sys.exit(1)", None)],
)
def test_the_log_of_a_script_that_fails_ends_in_what_the_script_said(
    kit: Kit, endpoint: str, ends: str, last: str | None
) -> None:
    """Its last line is the reason of the trial, whatever the kit says of the script's files."""
    code = f"import os, sys; open(os.environ['STEPSWEEP_CHECKPOINT_DIR'] + '/a', 'w').write('half'); {ends}"
    trial = f"fails-{last is None}"
    words = (sys.executable, "-c", code, "{args}", "--lr", "0.1", "--epochs", "2")
    ended = kit("--", *words, **job_environment(endpoint, trial_id=trial, epochs=2))
    *_, notice, reason = ended.stderr.splitlines()
    assert (ended.returncode, reason) == (1, last or "stepsweep-trial: the script printed nothing")
    assert notice.endswith("are not kept; there is no version before")


def test_a_network_that_fails_costs_checkpoints_and_not_the_training(trial: Make, tmp_path: Path, s3: Any) -> None:
    mine = trial(
        "no-network", TRAIN.replace("time.sleep(600)", "input()").replace("for epoch in", "input()\nfor epoch in")
    )
    s3.create_bucket(Bucket="doomed")
    csv = tmp_path / "metrics.csv"
    place = {"STEPSWEEP_CHECKPOINT_URI": "s3://doomed/checkpoints/x/", "STEPSWEEP_METRICS_URI": str(csv), "WAIT": "yes"}
    with mine.start(**place) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "begins at 0\n"
        for found in s3.list_objects_v2(Bucket="doomed").get("Contents", []):
            s3.delete_object(Bucket="doomed", Key=found["Key"])
        s3.delete_bucket(Bucket="doomed")
        go_on(process)
        lines = iter(process.stderr.readline, "")
        assert any("cannot write s3://doomed/checkpoints/x/checkpoint-e4.tar" in line for line in lines)
        go_on(process)
        assert process.wait(60) == 0
    assert csv.read_text().splitlines()[-1] == "4,0.25"


def test_a_file_that_cannot_be_looked_at_costs_checkpoints_and_not_the_training(trial: Make) -> None:
    too_deep = """
os.chdir(folder)
for _ in range(20):
    os.mkdir("d" * 240)
    os.chdir("d" * 240)
    open("f" * 250, "w").close()
os.chdir(sys.path[0])
for epoch"""
    mine = trial("too-deep", TRAIN.replace("\nfor epoch", too_deep, 1))
    code, _, err = mine.finish()
    assert code == 0, err
    assert "cannot write" in err
    assert "File name too long" in err
    assert mine.metrics()[-1] == "4,0.25"


def test_a_checkpoint_that_cannot_be_read_ends_the_attempt_before_it_trains_from_scratch(trial: Make) -> None:
    mine = trial("unread", TRAIN)
    with mine.start(STEPSWEEP_CHECKPOINT_URI="s3://no-such-bucket/checkpoints/x/") as process:
        out, err = process.communicate(timeout=100)
    assert process.returncode == 75
    assert "begins" not in out
    assert "cannot read s3://no-such-bucket/checkpoints/x/checkpoint-e4.tar" in err


def test_the_folder_is_a_placeholder_and_only_a_higher_rung_goes_on_from_a_training_of_other_epochs(
    trial: Make,
) -> None:
    """Files after 6 epochs are no result of 3, and a learning rate may depend on how many there are."""
    code = TRAIN.replace('os.environ["STEPSWEEP_CHECKPOINT_DIR"]', "sys.argv[1]").replace(
        "5)", "1 + int(sys.argv[-1]))"
    )
    mine = trial("placeholder", code)
    for epochs, rungs, begins in ((4, "[]", 0), (2, "[]", 0), (6, "[]", 0), (8, "[2,4]", 4), (8, "[2,4]", 8)):
        mine.epochs = epochs
        status, out, err = mine.finish("{checkpoint_dir}", STEPSWEEP_RUNGS=rungs)
        assert status == 0, err
        assert f"begins at {begins}\n" in out
        assert [row.split(",")[0] for row in mine.metrics()] == ["epoch", *map(str, range(1, epochs + 1))]


def test_artifacts_are_there_when_the_metrics_are(trial: Make, s3: Any) -> None:
    code = """
import os, pathlib
folder = pathlib.Path(os.environ["STEPSWEEP_ARTIFACTS_DIR"])
(folder / "model").mkdir()
(folder / "model" / "weights.bin").write_text("weights")
for epoch in (1, 2, 3, 4):
    print(f"epoch {epoch} a=1")
"""
    mine = trial("artifacts", code)
    with mine.start(STEPSWEEP_ARTIFACTS_URI="s3://no-such-bucket/a/") as process:
        _, err = process.communicate(timeout=100)
    assert process.returncode == 75
    assert "cannot write s3://no-such-bucket/a-" in err
    with pytest.raises(s3.exceptions.NoSuchKey):
        mine.metrics()
    with mine.start(STEPSWEEP_ARTIFACTS_URI=f"s3://{BUCKET}/trials/artifacts/files/") as process:
        process.communicate(timeout=100)
    assert process.returncode == 0
    csv = "\n".join([*mine.metrics(), ""])
    prefix = keys.artifacts_of_metrics("trials/artifacts/files/", csv.encode())
    assert s3.get_object(Bucket=BUCKET, Key=f"{prefix}model/weights.bin")["Body"].read() == b"weights"
    assert len(mine.metrics()) == 5


def test_links_lead_to_the_same_files_in_the_next_attempt(trial: Make) -> None:
    code = """
import os, pathlib
folder = pathlib.Path(os.environ["STEPSWEEP_CHECKPOINT_DIR"])
if not (folder / "step-2").exists():
    (folder / "step-2").mkdir()
    (folder / "step-2" / "model").write_text("weights")
    (folder / "relative").symlink_to("step-2")
    (folder / "absolute").symlink_to(folder / "step-2" / "model")
    (folder / "outside").symlink_to("/etc/hostname")
    raise SystemExit(75)
print(sorted(path.name for path in folder.iterdir()), os.readlink(folder / "absolute"))
print((folder / "relative" / "model").read_text(), (folder / "absolute").read_text())
print("epoch 4 loss=1")
"""
    mine = trial("links", code)
    assert mine.finish()[0] == 75
    _, out, err = mine.finish()
    assert out.splitlines()[1:3] == ["['absolute', 'relative', 'step-2'] step-2/model", "weights weights"], err


def test_metrics_of_a_file_that_died_with_the_first_attempt_are_kept(trial: Make) -> None:
    code = """
import os, pathlib
done = pathlib.Path(os.environ["STEPSWEEP_CHECKPOINT_DIR"]) / "done"
if not done.exists():
    pathlib.Path("metrics.csv").write_text("epoch,loss\\n1,4\\n2,3\\n3,2\\n4,1\\n")
    done.write_text("")
    raise SystemExit(75)
"""
    mine = trial("file", code)
    mine.options = ["--metrics-file", "metrics.csv"]
    assert mine.finish()[0] == 75
    ended, _, err = mine.finish()
    assert ended == 0, err
    assert mine.metrics() == ["epoch,loss", "1,4.0", "2,3.0", "3,2.0", "4,1.0"]


TRAIN_ONE_EPOCH = """
import torch
torch.manual_seed(0)
def train_one_epoch(model, optimizer):
    x = torch.arange(32.0).reshape(8, 4) / 32
    loss = ((model(x) - x.sum(1, keepdim=True)) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss
"""


@pytest.mark.slow
def test_the_documented_loop_trains_in_two_attempts_what_it_trains_in_one(trial: Make) -> None:
    page = (REPOSITORY / "docs" / "trial-kit.md").read_text().partition("## Checkpoints")[2]
    mine = trial("loop", TRAIN_ONE_EPOCH + page.partition("```python\n")[2].partition("```")[0])
    mine.epochs = 2
    code, _, err = mine.finish()
    assert code == 0, err
    mine.epochs = 4
    _, out, err = mine.finish(STEPSWEEP_RUNGS="[2]")
    assert [line for line in out.splitlines() if line.startswith("epoch 2")] == [], err
    in_two = mine.metrics()
    mine.name = "loop-at-once"
    mine.finish()
    assert len(in_two) == 5
    assert mine.metrics() == in_two

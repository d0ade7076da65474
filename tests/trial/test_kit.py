"""What `stepsweep-trial` says to a person and gives to a script, and the code that it ends with."""

import json
import locale
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from stepsweep.bucket.artifacts import keep
from stepsweep.bucket.stores import S3Store
from stepsweep.bucket.trial_files import TrialFiles
from stepsweep.contract import keys
from stepsweep.contract.trial import Trial
from stepsweep.trial import attempt, median, places
from stepsweep.trial.checkpoint import Checkpoint
from tests.support.kit import Kit
from tests.support.trainer import BUCKET, job_environment

TRIAL = ["--lr", "0.1", "--epochs", "2"]


def sh(script: str, *own: str, trial: list[str] = TRIAL) -> list[str]:
    """The words of a trial that is a line of the shell, which starts faster than Python."""
    return [*own, "--", "sh", "-c", script, "{args}", *trial]


def test_by_hand_a_table_has_the_metrics_that_a_sweep_would_get(kit: Kit) -> None:
    ended = kit(*sh("echo epoch 1 loss=0.5; echo epoch 2 loss=1234567 val_acc=0.75"))
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[2:] == [
        "epoch         loss  val_acc",
        "    1          0.5         ",
        "    2  1.23457e+06     0.75",
    ]


def test_without_metrics_the_last_lines_and_what_to_print_are_shown(kit: Kit) -> None:
    ended = kit(*sh(r"for n in 1 2 3 4 5 6; do printf ' 1/2\r 2/2\r'; echo line $n; done"))
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "stepsweep-trial: the last lines of the output were:",
        *(f"  line {n}" for n in range(2, 7)),
        "stepsweep-trial: found no metrics; looked for `name=value`, `name: value`, `val acc 78.1%` and JSON lines. To "
        "fix it, print a line such as `epoch 1 val_loss=0.25` in every epoch, or name a pattern: "
        "`metrics: {val_loss: 'REGEX'}` in the spec, or --metric 'val_loss=REGEX' of stepsweep-trial",
    ]


def test_a_file_without_metrics_is_named_as_the_place_that_was_looked_at(kit: Kit) -> None:
    ended = kit("--metrics-file=out.csv", *sh("echo epoch,loss > out.csv; echo loss=1"))
    assert ended.stderr.splitlines()[-1] == (
        "stepsweep-trial: found no metrics; looked for named numbers in out.csv (--metrics-file). To fix it, have the "
        "script write a number with a name there in every epoch, or name another place in `metrics` of the spec"
    )


def test_more_epochs_than_were_asked_for_are_refused_with_what_to_write(kit: Kit) -> None:
    ended = kit(*sh("echo epoch 3 loss=1"))
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        "stepsweep-trial: found 3 epochs, and only 2 were asked for. To fix it, give the sweep at least `epochs: 3` if "
        "the script has as many, and `arguments: {epochs: false}` if it has no option for it; if it has fewer, say "
        "what in its lines is the epoch, as in metrics: {epoch: 'Epoch (\\d+)'}"
    )
    ended = kit("--metrics-file=m.jsonl", *sh('echo \'{"epoch": 3, "loss": 1}\' > m.jsonl'))
    assert ended.stderr.splitlines()[-1].endswith("if it has no option for it"), "no pattern is for a file"


def test_what_does_not_count_is_told_and_costs_nothing(kit: Kit) -> None:
    ended = kit(*sh("echo epoch 1 acc=0.5; echo epoch 2 acc=0.75; echo Final acc=0.25"))
    assert ended.returncode == 0
    assert ended.stderr.splitlines() == [
        "stepsweep-trial: acc of epoch 2 is 0.75, not 0.25 of the line 'Final acc', which other epochs do not have"
    ]


def test_a_command_that_cannot_be_started_is_named(kit: Kit) -> None:
    ended = kit("--", "no-such-program", "{args}", *TRIAL)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "stepsweep-trial: cannot start no-such-program: No such file or directory\n"


def test_metrics_that_cannot_be_written_end_with_1(kit: Kit) -> None:
    file = kit.folder / "no-folder" / "m.csv"
    ended = kit(*sh("echo loss=0.5"), STEPSWEEP_METRICS_URI=str(file))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"stepsweep-trial: cannot write {file}: [Errno 2] No such file or directory")


def test_the_metrics_of_an_earlier_attempt_stay(kit: Kit) -> None:
    file = kit.folder / "m.csv"
    for loss, said in (("0.5", f"wrote {file}"), ("0.25", f"{file} exists already")):
        ended = kit(*sh(f"echo loss={loss}"), STEPSWEEP_METRICS_URI=str(file))
        assert (ended.returncode, ended.stdout.splitlines()) == (0, [f"loss={loss}", f"stepsweep-trial: {said}"])
    assert file.read_bytes() == b"epoch,loss\n1,0.5\n"


@pytest.mark.parametrize(
    ("own", "faults"),
    [
        (
            ["--metric", "loss", "--metric", "=x(.)", "--metric", "a b=(.)", "--metric", "epoch=(.)"],
            [f"--metric {text!r}: must be NAME=REGEX, as in val_loss=loss (\\S+)"
             for text in ("loss", "=x(.)", "a b=(.)", "epoch=(.)")],
        ),
        (
            ["--metric", "loss=(", "--metric", "acc=acc"],
            [
                "--metric loss: not a regular expression: missing ), unterminated subpattern at position 0",
                "--metric acc: 'acc' has no group; put the number into parentheses",
            ],
        ),
        (["--epoch", "[0-9]"], ["--epoch: '[0-9]' has no group; put the number into parentheses"]),
        (
            ["--metrics-file", "m.csv", "--mlflow", "mlruns", "--epoch", "(.)"],
            [
                "--metrics-file: cannot go with --mlflow; leave one out",
                "--metrics-file: cannot go with --metric or --epoch, which read the output; leave one out",
            ],
        ),
        (
            ["--tensorboard", "runs", "--metric", "a=(.)"],
            ["--tensorboard: cannot go with --metric or --epoch, which read the output; leave one out",
             f"--tensorboard: needs the package tensorboard: {sys.executable} -m pip install tensorboard"],
        ),
        (["--into", "c.json"], ["--into c.json: a sweep's trial has a copy of it; by hand, change the file"]),
    ],
)  # fmt: skip
def test_wrong_options_are_all_named_before_anything_runs(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, own: list[str], faults: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as where it is not installed
    ended = kit(*sh("echo loss=1", *own))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [f"stepsweep-trial: {fault}" for fault in faults]


@pytest.mark.parametrize(
    ("own", "fault"),
    [
        (["--metrics", "m.csv"], "unrecognized arguments: --metrics m.csv"),
        (["--style", "yaml"], "argument --style: invalid choice: 'yaml'"),
        (["--booleans", "yes"], "argument --booleans: invalid choice: 'yes'"),
        (["--lists", "tabs"], "argument --lists: invalid choice: 'tabs'"),
        (["--nulls", "no"], "argument --nulls: invalid choice: 'no'"),
        (["--no-epochs=1"], "argument --no-epochs: ignored explicit argument '1'"),
    ],
)
def test_an_option_is_written_whole_and_takes_what_the_help_says(kit: Kit, own: list[str], fault: str) -> None:
    ended = kit(*sh("echo loss=1", *own))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"stepsweep-trial: error: {fault}" in ended.stderr


def test_where_no_s3_is_named_a_trial_keeps_no_checkpoint(kit: Kit) -> None:
    uris = {"STEPSWEEP_METRICS_URI": "m.csv", "STEPSWEEP_CHECKPOINT_URI": "checkpoints/"}
    ended = kit(*sh("echo 1 > {checkpoint_dir}/file; echo loss=1"), **uris)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [path.name for path in kit.folder.iterdir()] == ["m.csv"]


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "two", "٣x"])
def test_epochs_are_a_number_from_1(kit: Kit, value: str) -> None:
    ended = kit(*sh("echo loss=1", trial=["--epochs", value]))
    assert ended.returncode == 2
    assert ended.stderr == f"stepsweep-trial: --epochs: must be a number from 1, got {value!r}\n"


def test_all_faults_of_a_trial_s_options_are_told(kit: Kit) -> None:
    ended = kit(*sh("echo loss=1", trial=["--lr", "1", "--lr", "2", "lr", "3", "--", "4", "--last"]))
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "stepsweep-trial: --lr: given twice",
        "stepsweep-trial: 'lr': a trial's options are `--name value` pairs",
        "stepsweep-trial: '--': a trial's options are `--name value` pairs",
        "stepsweep-trial: --last: a value is missing",
    ]


def test_options_without_a_place_in_the_command_are_told(kit: Kit) -> None:
    ended = kit("--", "sh", "-c", "echo {lr}", "--", *TRIAL, "--seed", "0", "--width", "3", "--depth", "4")
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        f"stepsweep-trial: --{name}: has no place in the command; write {{{name}}} there, or {{args}}"
        for name in ("width", "depth")
    ]


def test_a_pattern_finds_the_epoch_and_the_metric_in_lines_of_any_form(kit: Kit) -> None:
    own = ["--epoch", "pass ([0-9]+)", "--metric", "loss=lost (?P<x>a )?(?P<value>[0-9.]+)"]
    file = kit.folder / "m.csv"
    script = "echo pass 0; echo lost a 0.5 of 9; echo pass 1, lost 0.25, other=3"
    ended = kit(*sh(script, *own), STEPSWEEP_METRICS_URI=str(file))
    assert ended.returncode == 0, ended.stderr
    assert file.read_text() == "epoch,loss\n1,0.5\n2,0.25\n"


@pytest.mark.parametrize(
    ("own", "line", "why"),
    [
        (["--epoch", "pass (.)"], "pass x", "--epoch: its group matched 'x', not a whole number"),
        (
            ["--metric", "loss=loss (.*)"], "loss low",
            r"--metric loss: its group matched 'low', not a number; write ([-+.\w]+) for it",
        ),
        (
            ["--metric", "loss=loss (.*)"], "loss 2.1,",
            r"--metric loss: its group matched '2.1,', not a number; write ([-+.\w]+) for it",
        ),
        (
            ["--metric", "loss=loss (.*)"], "loss 1,234.5",
            "--metric loss: its group matched '1,234.5', not a number; print it without commas",
        ),
        (
            ["--metric", "loss=loss ([0-9]*)"], "loss 1,234.5",
            "--metric loss: its group matched '1' of 1,234.5; print it without commas",
        ),
        (["--metric=loss=loss (.)", "--metric=acc=a(.)"], "loss 1", "--metric acc: no line matched its pattern `a(.)`"),
    ],
)  # fmt: skip
def test_a_pattern_that_finds_something_else_is_named(kit: Kit, own: list[str], line: str, why: str) -> None:
    ended = kit(*sh(f"echo {line}", *own))
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"stepsweep-trial: {why}"


SHOWS = """
import json, os, sys
print(json.dumps([sys.argv[1:], {name: os.environ.get(name) for name in sorted(os.environ)}]))
print("loss=1")
"""


def shown(kit: Kit, *own: str, trial: list[str] = TRIAL, **variables: str) -> tuple[list[str], dict[str, str]]:
    """What a script gets: its words, and its variables."""
    (kit.folder / "show.py").write_text(SHOWS)
    ended = kit(*own, "--", sys.executable, "show.py", "{args}", *trial, **variables)
    assert ended.returncode == 0, ended.stderr
    words, given = json.loads(ended.stdout.splitlines()[0])
    return words, given


def test_a_script_gets_its_options_and_its_folders_in_variables(kit: Kit) -> None:
    more = ["--flag", "true", "--tag", "1", "--nothing", "null", "--seed", "3"]
    words, given = shown(kit, trial=[*TRIAL, *more], STEPSWEEP_TEXTS='["tag"]', PYTHONPATH="/somewhere")
    assert words == ["--lr", "0.1", "--epochs", "2", "--flag", "true", "--tag", "1", "--seed", "3"]
    assert json.loads(given["STEPSWEEP_PARAMS"]) == {
        "lr": 0.1, "epochs": 2, "flag": True, "tag": "1", "nothing": None, "seed": 3,
    }  # fmt: skip
    folder = Path(given["STEPSWEEP_REPORT"]).parent
    assert folder.name.startswith("stepsweep-trial-"), "by hand it is a temporary one"
    assert given["STEPSWEEP_CHECKPOINT_DIR"] == str(folder / "checkpoint")
    assert given["STEPSWEEP_ARTIFACTS_DIR"] == str(kit.folder / "artifacts")
    assert given["PYTHONPATH"] == os.pathsep.join([str(folder / "python"), "/somewhere"])
    assert given["PYTHONUNBUFFERED"] == "1"
    assert not folder.exists()
    assert sorted(path.name for path in kit.folder.iterdir()) == ["show.py"], "nothing was left in artifacts"


def test_options_of_the_command_line_say_how_the_script_is_called(kit: Kit) -> None:
    own = ["--style=--name=value", "--dashes", "--booleans", "no-flag", "--lists", "comma", "--nulls", "value"]
    own += ["--epochs-as", "max_iter", "--seed-as", "random_state"]
    trial = [*TRIAL, "--batch_size", "8", "--fast", "false", "--sizes", "[1,2]", "--clip", "null", "--seed", "3"]
    assert shown(kit, *own, trial=trial)[0] == [
        "--lr=0.1", "--max_iter=2", "--batch-size=8", "--no-fast", "--sizes=1,2", "--clip=null", "--random_state=3",
    ]  # fmt: skip
    assert " ".join(shown(kit, trial=trial)[0]) == (
        "--lr 0.1 --epochs 2 --batch_size 8 --fast false --sizes [1,2] --seed 3"
    )
    assert shown(kit, "--no-epochs", "--no-seed", trial=trial[:4])[0] == ["--lr", "0.1"]
    words, given = shown(kit, "--style=env", trial=trial[:4])
    assert (words, given["lr"], given["epochs"]) == ([], "0.1", "2")


def test_another_python_runs_the_script_and_what_is_installed_beside_it(kit: Kit) -> None:
    folder = kit.folder / "own" / "bin"
    folder.mkdir(parents=True)
    (kit.folder / "own" / "pyvenv.cfg").touch()
    (folder / "python").symlink_to(sys.executable)
    code = 'import os, sys; print(os.environ["PATH"], os.environ.get("VIRTUAL_ENV"), sys.executable); print("loss=1")'
    python = str(folder / "python")
    for called in ("python", "python3", "env"):
        command = [called, "-c", code] if called != "env" else [called, "python", "-c", code]
        ended = kit("--python", python, "--", *command, "{args}", PATH="/usr/bin:/bin")
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.splitlines()[0] == f"{folder}:/usr/bin:/bin {kit.folder / 'own'} {python}"
    (kit.folder / "own" / "pyvenv.cfg").unlink()
    ended = kit("--python", python, "--", "python", "-c", code, "{args}", PATH="/usr/bin")
    assert ended.stdout.splitlines()[0] == f"{folder}:/usr/bin None {python}"


def test_a_configuration_file_outside_of_the_trial_s_folder_stays_as_it_is(kit: Kit, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside") / "c.json"
    outside.write_text('{"lr": 1}')
    metrics = str(kit.folder / "m.csv")
    ended = kit(*sh("echo loss=1", "--into", str(outside), "--no-epochs"), STEPSWEEP_METRICS_URI=metrics)
    assert ended.returncode == 2
    assert ended.stderr == f"stepsweep-trial: --into {outside}: is no file of the trial's own folder\n"
    (kit.folder / "linked.json").symlink_to(outside)
    ended = kit(*sh("echo loss=1", "--into", "linked.json", "--no-epochs"), STEPSWEEP_METRICS_URI=metrics)
    assert ended.returncode == 2
    (kit.folder / "c.json").write_text('{"lr": 1, "n": "ü"}')
    (kit.folder / "inside.json").symlink_to("c.json")
    ended = kit(
        *sh("cat inside.json; echo loss=1", "--into", "inside.json", "--no-epochs"), STEPSWEEP_METRICS_URI=metrics
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads("".join(ended.stdout.splitlines()[:4])) == {"lr": 0.1, "n": "ü"}
    assert (kit.folder / "c.json").read_text() == '{"lr": 1, "n": "ü"}', "what a link leads to stays"
    assert outside.read_text() == '{"lr": 1}'


def test_files_are_read_and_written_in_utf_8_whatever_the_machine_s_locale_is(kit: Kit) -> None:
    """A slim image may have none."""
    for name, text in (("c.json", '{"lr": 1, "note": "ä"}'), ("c.yaml", "lr: 1 # ä\nnote: ö\n")):
        (kit.folder / name).write_text(text, "utf-8")
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        for name in ("c.json", "c.yaml"):
            script = f"cat {{params_json}} {{params_yaml}} {name}; echo epoch 1 loss=1"
            trial = ["--lr", "0.1", "--note", "ü"]
            ended = kit(*sh(script, "--into", name, trial=trial), STEPSWEEP_METRICS_URI=str(kit.folder / f"{name}.csv"))
            assert (ended.returncode, ended.stdout.count("ü")) == (0, 3), ended.stderr
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def test_a_file_with_the_options_is_where_the_placeholder_says(kit: Kit) -> None:
    words = ["--", "sh", "-c", "cat {params_json}; cat {params_yaml}; echo loss=1", "--", *TRIAL, "--optim.name", "sgd"]
    ended = kit("--epochs-as", "n", *words)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[:11] == [
        "{", '  "lr": 0.1,', '  "n": 2,', '  "optim": {', '    "name": "sgd"', "  }", "}",
        '"lr": 0.1', '"n": 2', '"optim":', '  "name": "sgd"',
    ]  # fmt: skip


def test_old_metrics_that_cannot_be_removed_end_the_job_before_it_trains(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.rmtree", refuse)
    (kit.folder / "mlruns").mkdir()
    ended = kit(*sh("echo trains", "--mlflow", "mlruns"), STEPSWEEP_METRICS_URI=str(kit.folder / "m.csv"))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "stepsweep-trial: --mlflow mlruns: old metrics cannot be removed: [Errno 13] Permission denied: 'mlruns'\n"
    )


def test_by_hand_old_metrics_stay(kit: Kit) -> None:
    (kit.folder / "m.csv").write_text("epoch,loss\n1,0.5\n")
    ended = kit(*sh("echo acc=1", "--metrics-file", "m.csv"))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[1:] == ["epoch  loss", "    1   0.5"]


def test_metrics_are_read_from_the_folders_that_the_wrapper_makes(kit: Kit) -> None:
    file = kit.folder / "m.csv"
    script = "mkdir -p {artifacts_dir}/a; echo '{\"loss\": 0.5}' > {artifacts_dir}/a/log.jsonl"
    words = ["--metrics-file", "{artifacts_dir}/a/log.jsonl", "--", "sh", "-c", script, "{args}", *TRIAL]
    ended = kit(*words, STEPSWEEP_METRICS_URI=str(file))
    assert ended.returncode == 0, ended.stderr
    assert file.read_text() == "epoch,loss\n1,0.5\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [("[1]", "must be a JSON list of patterns, got [1]"), ("best.pt", "Expecting value: line 1 column 1 (char 0)")],
)
def test_patterns_of_artifacts_that_are_none_end_the_trial_before_it_trains(kit: Kit, text: str, why: str) -> None:
    ended = kit(*sh("echo loss=1"), STEPSWEEP_ARTIFACTS=text)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"stepsweep-trial: STEPSWEEP_ARTIFACTS: {why}\n"


@pytest.mark.parametrize("tracker", ["--tensorboard", "--mlflow"])
def test_the_median_rule_ends_nothing_whose_steps_may_be_no_epochs(kit: Kit, tracker: str) -> None:
    rule = json.dumps({"metric": "loss", "direction": "minimize", "medians": [[1, 0.5]], "uri": "s3://b/k"})
    ended = kit(*sh("echo loss=9", tracker, "runs"), STEPSWEEP_MEDIANS=rule)
    assert ended.stderr.splitlines()[0] == (
        "stepsweep-trial: stop.median: a tracker's steps may be no epochs, so it ends nothing"
    )


def test_a_program_that_a_signal_ends_is_told_by_the_shell_s_code_and_leaves_no_metrics(kit: Kit) -> None:
    file = kit.folder / "m.csv"
    ended = kit(*sh("echo loss=1; kill -9 $$"), STEPSWEEP_METRICS_URI=str(file))
    assert (ended.returncode, file.exists()) == (137, False)


def test_output_passes_through_as_it_is_and_its_last_line_needs_no_end(kit: Kit) -> None:
    ended = kit(*sh("printf 'caf\\303\\251 \\033[1mbold\\033[0m\\n'; printf 'on stderr\\n' >&2; printf loss=0.5"))
    assert ended.stdout.startswith("café \x1b[1mbold\x1b[0m\nloss=0.5")
    assert (ended.returncode, ended.stderr) == (0, "on stderr\n")


@pytest.mark.usefixtures("s3")
class TestInAJob:
    """With S3, as a sweep's job has it."""

    @pytest.fixture
    def job(self, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
        places.s3_client.cache_clear()
        monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps the credentials that another test's client found
        return job_environment(endpoint, trial_id=tmp_path.name, epochs=2)

    def test_its_folders_have_the_same_names_in_each_attempt_and_what_was_there_is_gone(
        self, kit: Kit, job: dict[str, str]
    ) -> None:
        (kit.folder / "stepsweep-trial" / "checkpoint").mkdir(parents=True)
        (kit.folder / "stepsweep-trial" / "checkpoint" / "old").touch()
        script = "ls {checkpoint_dir}; echo {checkpoint_dir} {artifacts_dir} $STEPSWEEP_REPORT; echo loss=1"
        ended = kit("--", "sh", "-c", script, "{args}", *TRIAL, **job)
        assert ended.returncode == 0, ended.stderr
        root = kit.folder / "stepsweep-trial"
        assert ended.stdout.splitlines()[0] == f"{root}/checkpoint {root}/artifacts {root}/report.jsonl"
        assert not root.exists()

    def test_where_its_folder_cannot_be_made_it_has_a_temporary_one(self, kit: Kit, job: dict[str, str]) -> None:
        (kit.folder / "stepsweep-trial").touch()
        ended = kit("--", "sh", "-c", "echo {checkpoint_dir}; echo loss=1", "{args}", *TRIAL, **job)
        assert ended.returncode == 0, ended.stderr
        folder = Path(ended.stdout.splitlines()[0]).parent
        assert folder.name.startswith("stepsweep-trial-")
        assert not folder.exists()

    def test_artifacts_go_to_s3_and_what_is_left_out_is_told(self, kit: Kit, job: dict[str, str], s3: Any) -> None:
        job["STEPSWEEP_ARTIFACTS_URI"] = f"s3://{BUCKET}/trials/artifacts/"
        uri = keys.artifacts_of_metrics(job["STEPSWEEP_ARTIFACTS_URI"], b"epoch,loss\n1,1.0\n")
        for names, count in ((["a/b.txt"], "1 artifact"), (["c.txt", "d.txt"], "2 artifacts")):
            script = "".join(f"mkdir -p $(dirname {name}); echo -n {name} > {name}; " for name in names)
            patterns = json.dumps([*names, "none.txt"])
            ended = kit(*sh(f"{script} echo loss=1"), **job, STEPSWEEP_ARTIFACTS=patterns)
            assert ended.returncode == 0, ended.stderr
            assert f"stepsweep-trial: wrote {count} to {uri}\n" in ended.stdout
            assert ended.stderr == (
                "stepsweep-trial: artifacts: none.txt: the script left no such file in its working folder\n"
            )
            for name in names:
                key = uri.removeprefix(f"s3://{BUCKET}/") + name
                assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == name.encode()

    def test_of_two_attempts_at_once_the_files_that_count_are_of_the_one_whose_metrics_do(
        self, kit: Kit, job: dict[str, str], s3: Any
    ) -> None:
        """As in two sweeps of the same trial. The later one replaced the model, and the metrics stayed."""
        trial = Trial(trial_id=kit.folder.name, params={}, options={}, epochs=2)
        job["STEPSWEEP_ARTIFACTS_URI"] = keys.uri(BUCKET, trial.new_artifacts)
        for loss in (0.25, 0.5):
            ended = kit(*sh(f"echo loss={loss}; echo -n {loss} > {{artifacts_dir}}/model"), **job)
            assert ended.returncode == 0, ended.stderr
        files = TrialFiles(S3Store(BUCKET, s3))
        metrics = files.metrics(trial)
        assert metrics is not None
        (model,) = files.artifacts(trial)
        keep(S3Store(BUCKET, s3), [trial])
        (kept,) = files.artifacts(trial)
        assert (model.is_kept, kept.is_kept) == (False, True)
        for each in (model, kept):
            body = s3.get_object(Bucket=BUCKET, Key=each.key)["Body"].read()
            assert float(body) == metrics.columns["loss"][0] == 0.25

    def test_an_attempt_goes_on_with_the_files_and_the_metrics_of_the_one_before(
        self, kit: Kit, job: dict[str, str], s3: Any
    ) -> None:
        first = kit(*sh("echo epoch 1 loss=0.5; echo one > $STEPSWEEP_CHECKPOINT_DIR/file; exit 75"), **job)
        assert first.returncode == 75
        second = kit(*sh("cat $STEPSWEEP_CHECKPOINT_DIR/file; echo epoch 2 loss=0.25"), **job)
        assert second.returncode == 0, second.stderr
        uri = job["STEPSWEEP_CHECKPOINT_URI"]
        assert second.stdout.splitlines() == [
            f"stepsweep-trial: goes on from {uri}checkpoint-e2.tar: 1 file",
            "one",
            "epoch 2 loss=0.25",
            f"stepsweep-trial: wrote {job['STEPSWEEP_METRICS_URI']}",
        ]
        body = s3.get_object(Bucket=BUCKET, Key=f"trials/{kit.folder.name}/metrics-e2.csv")["Body"].read()
        assert body == b"epoch,loss\n1,0.5\n2,0.25\n"

    def test_while_it_trains_its_metrics_are_shown_live(
        self, kit: Kit, job: dict[str, str], s3: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attempt, "LIVE_SECONDS", 0.02)
        doors = [kit.folder / name for name in ("one", "two")]
        for door in doors:
            os.mkfifo(door)
        seen: list[bytes] = []

        def watch() -> None:
            key = f"checkpoints/{kit.folder.name}/live.csv"
            for door, rows in zip(doors, (b"epoch,loss\n1,0.5\n", b"epoch,loss\n1,0.5\n2,0.25\n"), strict=True):
                deadline = time.monotonic() + 60
                while time.monotonic() < deadline and rows not in seen:
                    for found in s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", []):
                        seen.append(s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read())
                door.write_text("")  # the script goes on

        watcher = threading.Thread(target=watch)
        watcher.start()
        ended = kit(*sh("echo epoch 1 loss=0.5; cat one; echo epoch 2 loss=0.25; cat two"), **job)
        watcher.join()
        assert (ended.returncode, ended.stderr) == (0, "")
        assert list(dict.fromkeys(seen)) == [b"epoch,loss\n1,0.5\n", b"epoch,loss\n1,0.5\n2,0.25\n"]

    def test_live_metrics_that_cannot_be_written_are_told_once_and_cost_nothing(
        self, kit: Kit, job: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attempt, "LIVE_SECONDS", 0.02)

        def refuse(prefix: str, _data: bytes) -> None:
            raise ConnectionError(f"no way to {prefix}")

        monkeypatch.setattr(places, "show_live", refuse)
        ended = kit(*sh("echo epoch 1 loss=0.5; sleep 0.3; echo epoch 2 loss=0.25; sleep 0.3"), **job)
        uri = job["STEPSWEEP_CHECKPOINT_URI"]
        assert (ended.returncode, ended.stderr) == (
            0, f"stepsweep-trial: cannot write {uri}live.csv: no way to {uri}\n"
        )  # fmt: skip

    def rule(self, kit: Kit, median: float, *, bucket: str = BUCKET) -> str:
        """A rule that a loss above the median meets after the second epoch."""
        uri = f"s3://{bucket}/trials/{kit.folder.name}/ended-e2.json"
        return json.dumps({"metric": "loss", "direction": "minimize", "medians": [[2, median]], "uri": uri})

    WAITS = "echo epoch 1 loss=8; echo epoch 2 loss=7; echo epoch 3 loss=6; echo saved > {checkpoint_dir}/file; "

    def test_the_median_rule_ends_a_trial_with_a_record_and_its_checkpoint_and_without_metrics(
        self, kit: Kit, job: dict[str, str], s3: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(median, "JUDGE_SECONDS", 0.02)
        script = f"trap 'exit 1' TERM; {self.WAITS} while sleep 0.01; do :; done"
        ended = kit(*sh(script), **job, STEPSWEEP_MEDIANS=self.rule(kit, 6.5))
        assert (ended.returncode, ended.stderr) == (
            0,
            "stepsweep-trial: ended by stop.median: up to epoch 2 the best loss is 7; the median of the completed "
            "trials' means is 6.5\n",
        )
        prefix = f"trials/{kit.folder.name}/"
        (left,) = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
        assert left["Key"] == f"{prefix}ended-e2.json"
        record = json.loads(s3.get_object(Bucket=BUCKET, Key=left["Key"])["Body"].read())
        assert record == {"epoch": 2, "value": 7.0, "epochs_trained": 3}
        kept = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"checkpoints/{kit.folder.name}/")["Contents"]
        assert [each["Key"].rpartition("/")[2] for each in kept] == ["checkpoint-e2.tar", "live.csv"]
        live = s3.get_object(Bucket=BUCKET, Key=kept[1]["Key"])["Body"].read()
        assert live == b"epoch,loss\n1,8.0\n2,7.0\n3,6.0\n"

    def test_a_trial_that_is_better_than_the_median_is_left_alone(
        self, kit: Kit, job: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(median, "JUDGE_SECONDS", 0.02)
        trial = ["--epochs", "3"]
        ended = kit(*sh(f"{self.WAITS} sleep 0.3", trial=trial), **job, STEPSWEEP_MEDIANS=self.rule(kit, 7.0))
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.splitlines()[-1] == f"stepsweep-trial: wrote {job['STEPSWEEP_METRICS_URI']}"

    def test_a_trial_that_has_trained_all_epochs_when_it_is_told_to_end_has_its_metrics(
        self, kit: Kit, job: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(median, "JUDGE_SECONDS", 0.02)
        script = f"trap 'exit 0' TERM; {self.WAITS} while sleep 0.01; do :; done"
        ended = kit(*sh(script, trial=["--epochs", "3"]), **job, STEPSWEEP_MEDIANS=self.rule(kit, 6.5))
        assert ended.returncode == 0
        assert ended.stdout.splitlines()[-1] == f"stepsweep-trial: wrote {job['STEPSWEEP_METRICS_URI']}"

    def test_a_record_that_cannot_be_written_has_the_trial_tried_again(
        self, kit: Kit, job: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(median, "JUDGE_SECONDS", 0.02)
        rule = self.rule(kit, 6.5, bucket="no-such-bucket")
        ended = kit(*sh(f"{self.WAITS} exec sleep 60"), **job, STEPSWEEP_MEDIANS=rule)
        assert ended.returncode == 75
        told = ended.stderr.splitlines()
        assert told[-1].startswith("stepsweep-trial: cannot write that it was ended: ")
        assert "NoSuchBucket" in told[-1]

    def test_a_checkpoint_that_cannot_be_read_ends_it_before_it_trains_from_scratch(
        self, kit: Kit, job: dict[str, str]
    ) -> None:
        ended = kit(*sh("echo loss=1"), **{**job, "STEPSWEEP_CHECKPOINT_URI": "s3://no-such-bucket/c/"})
        assert (ended.returncode, ended.stdout) == (75, "")
        assert ended.stderr.startswith("stepsweep-trial: cannot read s3://no-such-bucket/c/checkpoint-e2.tar: ")

    def test_artifacts_that_cannot_be_written_have_the_trial_tried_again_without_metrics(
        self, kit: Kit, job: dict[str, str], s3: Any
    ) -> None:
        uri = "s3://no-such-bucket/a/"
        ended = kit(*sh("echo 1 > {artifacts_dir}/f; echo loss=1"), **job, STEPSWEEP_ARTIFACTS_URI=uri)
        assert ended.returncode == 75
        assert ended.stderr.startswith(f"stepsweep-trial: cannot write {uri[:-1]}-")
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"trials/{kit.folder.name}/")

    @pytest.mark.parametrize("at", ["finish", "upload", "write_once"], ids=["checkpoint", "artifacts", "metrics"])
    def test_a_trial_that_is_told_to_end_while_it_writes_what_it_has_trained_writes_it(
        self, kit: Kit, job: dict[str, str], s3: Any, monkeypatch: pytest.MonkeyPatch, at: str
    ) -> None:
        """As by `sweep stop` or a machine that is reclaimed: the training is done, and would be lost."""
        owner: Any = Checkpoint if at == "finish" else places
        write = getattr(owner, at)

        def told(*args: Any, **named: Any) -> Any:
            os.kill(os.getpid(), signal.SIGTERM)
            return write(*args, **named)

        def die(*_: Any) -> None:
            raise SystemExit(128 + 15)

        monkeypatch.setattr(owner, at, told)
        before = signal.signal(signal.SIGTERM, die)
        try:
            uri = f"s3://{BUCKET}/{kit.folder.name}/"
            script = "echo 1 > {artifacts_dir}/f; echo 1 > {checkpoint_dir}/f; echo epoch 1 loss=1; echo epoch 2 loss=2"
            ended = kit(*sh(script), **job, STEPSWEEP_ARTIFACTS_URI=uri)
        finally:
            assert signal.signal(signal.SIGTERM, before) is die
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.splitlines()[-1] == f"stepsweep-trial: wrote {job['STEPSWEEP_METRICS_URI']}"
        there = [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
        assert [key for key in there if key.endswith((f"{kit.folder.name}/f", f"{kit.folder.name}/checkpoint-e2.tar"))]

    def told(self, kit: Kit, job: dict[str, str], script: str, epochs: int = 2) -> "subprocess.CompletedProcess[str]":
        """A trial that gets SIGTERM once its script has written to the door."""
        door, before = kit.folder / "door", signal.getsignal(signal.SIGTERM)
        os.mkfifo(door)

        def terminate() -> None:
            door.read_text()  # the script is ready
            while signal.getsignal(signal.SIGTERM) is before:  # and so is the wrapper
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGTERM)

        other = threading.Thread(target=terminate)
        other.start()
        ended = kit(*sh(f"{script}; echo > door; while sleep 0.01; do :; done", trial=["--epochs", str(epochs)]), **job)
        other.join()
        return ended

    @pytest.mark.parametrize(("done", "code"), [("epoch 1", 75), ("epoch 2", 0)])
    def test_after_sigterm_a_trial_with_all_its_epochs_has_ended_and_another_is_tried_again(
        self, kit: Kit, job: dict[str, str], done: str, code: int
    ) -> None:
        ended = self.told(kit, job, f"trap 'exit 0' TERM; echo epoch 1 loss=1; echo {done} loss=1")
        assert ended.returncode == code
        assert ended.stderr == ("stepsweep-trial: interrupted with metrics of epoch 1 of 2\n" if code else "")

    @pytest.mark.parametrize(
        ("epochs", "before", "at_sigterm", "found"),
        [
            (1, "echo begins", "echo acc=0.59; exit 0", "out metrics"),
            (1, "echo acc=0.2", "exit 0", " metrics of epoch 1 of 1"),
            (1, "echo epoch 1 loss=1", "exit 0", " metrics of epoch 1 of 1"),
            (2, "echo epoch 1 acc=0.5", "echo epoch 2 acc=0.45; exit 0", " metrics of epoch 1 of 2"),
            (
                2,
                "for n in 1 2; do echo epoch 1 loss=$n; done; echo epoch 2 loss=3",
                "exit 0",
                " metrics of epoch 2 of 2",
            ),
            (
                2,
                "for n in 1 2; do echo epoch $n acc=0.5; done",
                "echo epoch 2 acc=0.45; exit 0",
                " metrics of epoch 2 of 2",
            ),
            (2, "for n in 1 2; do echo epoch $n acc=0.5; done", "exit 3", " metrics of epoch 2 of 2"),
            (2, "for n in 1 2; do echo epoch $n acc=0.5; done", "-", " metrics of epoch 2 of 2"),
        ],
        ids=["no epochs", "batches", "one epoch", "part", "silent part", "once more", "error", "no handler"],
    )
    def test_a_script_that_sigterm_cuts_short_is_tried_again_and_leaves_no_metrics(
        self, kit: Kit, job: dict[str, str], s3: Any, epochs: int, before: str, at_sigterm: str, found: str
    ) -> None:
        """Its last number was recorded as the trial's, and an error on the way out was its own."""
        ended = self.told(kit, job, f"trap '{at_sigterm}' TERM; {before}", epochs)
        assert (ended.returncode, ended.stderr) == (75, f"stepsweep-trial: interrupted with{found}\n")
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"trials/{kit.folder.name}/")

    def test_a_checkpoint_of_an_epoch_that_sigterm_may_have_cut_short_is_not_kept(
        self, kit: Kit, job: dict[str, str], s3: Any
    ) -> None:
        """The script goes on after that epoch, whose value it never prints again."""
        save = "echo epoch 2 acc=0.45; echo 2 > {checkpoint_dir}/file; exit 0"
        ended = self.told(kit, job, f"trap '{save}' TERM; echo epoch 1 acc=0.5", 3)
        assert ended.returncode == 75
        assert ended.stderr.splitlines() == [
            "stepsweep-trial: an epoch ended after the script was told to: it may be a part of one; the version before "
            "stays",
            "stepsweep-trial: interrupted with metrics of epoch 1 of 3",
        ]
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"checkpoints/{kit.folder.name}/")

    def test_a_curve_ends_where_the_attempt_ended_that_finished_it(
        self, kit: Kit, job: dict[str, str], s3: Any
    ) -> None:
        """Its checkpoint was of its best epoch, the second. The next attempt stopped early, after the third."""
        best = "test -e {checkpoint_dir}/best && echo epoch 3 loss=0.6 && exit; echo 2 > {checkpoint_dir}/best; "
        script = f"{best} for n in 1 2 3 4 5; do echo epoch $n loss=0.$n; done; exit 75"
        assert [kit(*sh(script, trial=["--epochs", "9"]), **job).returncode for _ in range(2)] == [75, 0]
        key = job["STEPSWEEP_METRICS_URI"].removeprefix(f"s3://{BUCKET}/")
        body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        assert body == b"epoch,loss\n1,0.1\n2,0.2\n3,0.6\n"

    def test_a_trial_that_the_median_rule_ends_in_its_last_epoch_is_no_whole_one(
        self, kit: Kit, job: dict[str, str], s3: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(median, "JUDGE_SECONDS", 0.02)
        script = f"trap 'echo epoch 4 loss=6; exit 0' TERM; {self.WAITS} while sleep 0.01; do :; done"
        ended = kit(*sh(script, trial=["--epochs", "4"]), **job, STEPSWEEP_MEDIANS=self.rule(kit, 6.5))
        assert ended.returncode == 0, ended.stderr
        (left,) = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"trials/{kit.folder.name}/")["Contents"]
        record = json.loads(s3.get_object(Bucket=BUCKET, Key=left["Key"])["Body"].read())
        assert record == {"epoch": 2, "value": 7.0, "epochs_trained": 3}

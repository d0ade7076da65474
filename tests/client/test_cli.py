"""The command line as a process: help, wrong input, and what AWS may answer. Nothing of it may be a traceback."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest

from stepsweep.client.cli.main import _exit_code, cli
from stepsweep.client.deployment import DEFAULT_STACK, CloudError
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput, InvalidSweep
from stepsweep.contract.spec import SweepSpec
from stepsweep.stack_config import StackConfig
from tests.support.command import Sweep
from tests.support.embedded import REPOSITORY
from tests.support.recorded import RecordedCloud
from tests.support.stack import Stack

HEAVY = ("boto3", "botocore", "rich", "moto", "torch", "aws_cdk", "stepsweep.local", "mlflow", "pandas", "matplotlib")
TRIAL = ("--set", "lr=0.1", "--epochs", "1")


def faults(ended: "subprocess.CompletedProcess[str]", code: int) -> list[str]:
    """Returns the lines on stderr, all of which are for a person."""
    assert ended.returncode == code, ended.stderr
    lines = ended.stderr.splitlines()
    assert all(line.startswith("sweep: ") for line in lines), ended.stderr
    return [line.removeprefix("sweep: ") for line in lines]


@pytest.mark.parametrize("command", list(cli.commands))
def test_each_command_s_help_has_an_example_and_the_exit_codes(sweep: Sweep, command: str) -> None:
    ended = sweep(command, "--help")
    assert ended.returncode == 0
    assert f"\n  sweep {command}" in ended.stdout
    assert "Exit codes: 0" in ended.stdout


RUN_HELP = """\
Usage: sweep run [OPTIONS] [SPEC]

  Run a sweep, show its progress, and name the winner.

  SPEC is a JSON or YAML file (- reads standard input), by default the folder's sweep.yaml.
  Options override its fields. Finished trials are not trained again, so an interrupted sweep
  continues.

  Ctrl-C ends a sweep on this machine; on AWS it ends only the display, and the sweep continues.

  sweep run examples/tutorial.json --epochs 5
  sweep run --set lr=0.1,0.01 --set momentum=0.5,0.9 --epochs 3 \\
      --fixed dataset=fashion-mnist

Options:
  --set NAME=A,B,…              A parameter and its choices, or a range: lr=1e-4..1:log,
                                n=16..256:int, m=0..0.9:step=0.1. Numbers, true, false, null and
                                [64,64] are what they are in JSON, anything else is a text.
  --command COMMAND             Your script, such as 'python train.py {args}', run as it is;
                                {args} stands for the trial's options.
  --search METHOD               grid, random or tpe.  [default: grid]
  --trials N                    How many params a random or tpe search tries.
  --rounds / --no-rounds        Wait for all trials of a round before the next begins; or start
                                the next trial when one ends.
  --batch N                     New params per round of a tpe search, which then has rounds.
  --halving MIN:FACTOR          3:3: all train 3 epochs, the best third continues to 9, … Or auto,
                                for the defaults.
  --folds N                     Cross-validation: one trial per fold, N folds.
  --repeats N                   One trial per seed, N seeds.
  --fixed NAME=VALUE            An option that every trial gets unchanged.
  --env NAME[=VALUE]            An environment variable of every trial; without a value it is the
                                shell's. Not for secrets.
  --secret NAME                 A secret variable of every trial: of the shell on this machine, of
                                the stack on AWS. Its value is kept nowhere, unless the script
                                prints it.
  --artifact PATTERN            Files that your script leaves in its folder, such as best.pt;
                                `sweep download` gets the winner's.
  --epochs N                    The most epochs a trial trains.
  --name NAME                   The sweep's name.  [default: the file's, and the time]
  --objective METRIC:DIRECTION  Such as val_loss, or gap:minimize; several find a Pareto front.
                                [default: val_accuracy]
  --seed N                      Seed of random search and of the training.  [default: 0]
  --budget-usd USD              Refuse a plan whose estimate exceeds it.
  --max-concurrency N           Trials at once.  [default: the stack's]
  --priority [high|normal|low]  Its share of the machines when several sweeps compete.  [default:
                                the spec's, or normal]
  --fresh                       Train finished trials again.
  --accept-trainer              Continue with another trainer than the sweep was planned for; only
                                trials that it has finished count.
  --on [local|aws]              Where trials run: in the embedded cloud on this machine, or on
                                your AWS account.  [default: local]
  --dir DIRECTORY               Folder of the embedded cloud.  [env var: STEPSWEEP_DIR; default:
                                .stepsweep]
  --trainer PATH                Folder with the Dockerfile of your own trainer (embedded cloud).
                                [env var: STEPSWEEP_TRAINER]
  --job-vcpus N                 Cores, and so threads, of each trial (embedded cloud).  [default:
                                1]  [env var: STEPSWEEP_JOB_VCPUS]
  --container                   Run each trial in a container of Docker or Podman, as on AWS
                                (embedded cloud).  [env var: STEPSWEEP_CONTAINER]
  --profile NAME                AWS profile (--on aws).
  --region NAME                 AWS region (--on aws).
  --stack NAME                  The deployed stack (--on aws).  [default: Stepsweep]
  --keep-going                  Train all trials. By default the sweep stops if the first three to
                                end fail for the same reason.
  --keep-results                Count finished trials of the trainer as it was before it changed:
                                the change cannot matter to their numbers.
  --json                        One JSON document on stdout; progress goes to stderr.
  --no-check                    Start although no trial could, by the account's quota (--on aws).
  -h, --help                    Show this message and exit.

  Exit codes: 0 there is a winner or a front · 1 the sweep or the cloud failed · 2 wrong input ·
  130 interrupted.
"""


def test_the_help_of_a_run_which_has_the_options_that_other_commands_share(sweep: Sweep) -> None:
    assert sweep("run", "--help", environment={"COLUMNS": "100"}).stdout == RUN_HELP


def test_help_imports_nothing_heavy() -> None:
    code = f"import sys, client.cli; print([name for name in {HEAVY} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_no_command_is_wrong_input_and_shows_the_help(sweep: Sweep) -> None:
    ended = sweep()
    assert ended.returncode == 2
    assert ended.stderr.startswith("Usage: sweep ")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["run", "--epoch", "1"], "no such option '--epoch'. (Did you mean one of: '--epochs', '--search'?)"),
        (["run", "a.json", "b.json"], "got unexpected extra argument (b.json)"),
        (["run", "--on", "moon"], "invalid value for '--on': 'moon' is not one of 'local', 'aws'"),
        (
            ["run", *TRIAL, "--job-vcpus", "0"],
            "invalid value for '--job-vcpus' (env var: 'STEPSWEEP_JOB_VCPUS'): must be from 1 to",
        ),
        (["run", *TRIAL, "--profile", "work"], "--profile goes with --on aws"),
        (["show", "x", "--stack", "Mine"], "--stack goes with --on aws"),
        (["run", "-d"], "no such option '-d'; `sweep start` leaves a sweep running (try"),
        (["run", "--detach"], "no such option '--detach'; `sweep start` leaves a sweep running (try"),
        (["show"], "missing argument 'NAME'"),
        (["trian"], "no such command 'trian'"),
    ],
)
def test_a_wrong_option_is_one_line_and_says_where_help_is(sweep: Sweep, words: list[str], fault: str) -> None:
    (said,) = faults(sweep(*words), 2)
    assert said.startswith(fault)
    assert said.endswith("--help`)")


def test_the_faults_of_an_input_are_a_line_each_and_nothing_is_started(sweep: Sweep) -> None:
    with pytest.raises(InvalidSweep) as planner:
        SweepSpec.from_json({"parameters": {"lr": [0.1, "-x"]}, "fixed": {"seed": 1}, "epochs": 0}, default_name="x")
    ended = sweep("run", "--set", "lr=0.1,-x", "--fixed", "seed=1", "--epochs", "0")
    assert faults(ended, 2) == list(planner.value.faults)
    assert len(planner.value.faults) == 3
    assert ended.stdout == ""
    assert list(sweep.folder.iterdir()) == []


def test_a_spec_comes_from_a_file_or_from_standard_input(sweep: Sweep) -> None:
    text = (REPOSITORY / "examples" / "tutorial.json").read_text()
    (sweep.folder / "mine.json").write_text(text)
    from_file, from_stdin = sweep("plan", "mine.json"), sweep("plan", "-", text=text)
    assert from_file.returncode == 0, from_file.stderr
    assert from_file.stdout == from_stdin.stdout
    assert faults(sweep("plan", "-", text='{"epochs": 1,'), 2)[0].startswith("standard input:1: not JSON: ")


def test_without_a_spec_the_missing_file_is_named(sweep: Sweep) -> None:
    for words in ([], ["--epochs", "3"], ["--command", "python -V"]):
        said = faults(sweep("plan", *words), 2)
        assert said[0].startswith("there is no sweep.yaml in this folder; name a spec file, ")
        assert said[1].startswith("parameters: missing")
    assert faults(sweep("plan", "--set", "lr=1"), 2)[0].startswith("epochs: missing")
    (sweep.folder / "sweep.yaml").write_text("epochs: 3")
    assert "there is no" not in sweep("plan").stderr


def test_a_plan_shows_its_trials_in_order_and_starts_nothing(sweep: Sweep) -> None:
    ended = sweep("plan", "--set", "lr=0.1,0.01", "--set", "momentum=0.5,0.9", "--epochs", "3", "--fixed", "a=b")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "4 trials (lr 2 x momentum 2), up to 3 epochs each: 12 epochs at most.",
        "On AWS 0.1 to 0.2 hours, 0.16 to 0.79 USD.",
        "The trials take 0.01 USD of that: 6 s per epoch, as in the tutorial, 0.526 USD per hour (a g4dn.xlarge in "
        "us-east-1 in 2021).",
        "The rest is for 4 machines: boot, image pull, waiting, idling, disk and IP address.",
        "The same search free-running: 0.1 to 0.2 hours, 0.16 to 0.80 USD.",
        "Cheapest with max_concurrency 1: 0.1 to 0.3 hours, 0.05 to 0.24 USD. Fastest with 4: 0.1 to 0.2 hours, "
        "0.16 to 0.79 USD.",
        "Every trial: a=b",
        "",
        "     lr  momentum",
        "1   0.1       0.5",
        "2   0.1       0.9",
        "3  0.01       0.5",
        "4  0.01       0.9",
        "",
        "Nothing was started.",
    ]
    assert list(sweep.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [(">&-", 0, ""), (">/dev/full", 1, "sweep: No space left on device\n"), ("| head -n 1 >&2", 0, "sweep")],
)
def test_an_output_that_takes_nothing_is_a_line_at_most(sweep: Sweep, redirected: str, code: int, said: str) -> None:
    ended = replace(sweep, by=("sh", "-c", f'"$@" {redirected}', "sh"))("plan", "--set", "lr=0.1,0.2", "--epochs", "1")
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False)
    assert ended.stderr == said or "head" in redirected


@pytest.mark.parametrize("limit", ["-n 16", "-v 300000"])
def test_limits_in_which_no_cloud_can_run_are_one_line(sweep: Sweep, limit: str) -> None:
    limited = replace(sweep, by=("sh", "-c", f'ulimit {limit} && exec "$@"', "sh"))
    (fault,) = faults(limited("run", "--set", "lr=0.1", "--epochs", "1"), 1)
    assert fault.startswith("the embedded cloud needs ")
    assert fault.endswith(f"raise that with `ulimit {limit[:2]}`")


def test_a_step_that_does_not_meet_the_end_is_said(sweep: Sweep) -> None:
    (sweep.folder / "mine.json").write_text(
        '{"parameters": {"a": {"low": 0, "high": 1, "step": 0.3}, "b": {"low": 0, "high": 1, "step": 0.5}},'
        ' "epochs": 1}'
    )
    said = sweep("plan", "mine.json").stdout
    assert "a ends at 0.9: the next step would be above 1.\n" in said
    assert "b ends at" not in said


def test_a_folder_that_cannot_be_made_is_one_line(sweep: Sweep, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = sweep("run", "--set", "lr=0.1", "--epochs", "1", "--dir", str(tmp_path / "file" / "below"))
    assert (ended.returncode, ended.stderr) == (1, f"sweep: {tmp_path / 'file' / 'below'}: Not a directory\n")


def test_a_plan_says_which_trials_the_median_rule_ends(sweep: Sweep) -> None:
    spec = {"parameters": {"lr": [0.1, 0.2]}, "epochs": 27, "name": "s", "stop": {"median": {"min_trials": 4}}}
    lines = sweep("plan", "-", text=json.dumps(spec)).stdout.splitlines()
    assert "A trial that is worse than the median of at least 4 completed ones is ended, at epoch 2 or later." in lines
    assert not [line for line in lines if line.startswith("The search stops early")]


def test_a_plan_refuses_a_warm_start_that_a_run_would_refuse(sweep: Sweep) -> None:
    recorded = RecordedCloud(directory=sweep.folder / ".stepsweep")
    for name, epochs in (("damaged", 3), ("longer", 9), ("good", 3)):
        recorded.planned(name, {"lr": [0.1]}, epochs=epochs)
    recorded.bucket.put_json(keys.spec_key("damaged"), {})
    spec = {"parameters": {"lr": [0.1, 0.2]}, "epochs": 3, "search": {"method": "tpe", "trials": 2}}

    def planned(*names: str, **others: object) -> "subprocess.CompletedProcess[str]":
        return sweep("plan", "-", text=json.dumps({**spec, "warm_start": names, **others}))

    said = planned("nosuch", "damaged", "good", "longer")
    missing, damaged, longer = faults(said, 2)
    assert missing == 'warm_start[0]: the sweep "nosuch" is not among these records; `sweep list` names those that are'
    assert damaged.startswith('warm_start[1]: the sweep "damaged" sweeps/damaged/spec.json: ')
    assert longer.startswith('warm_start[3]: the sweep "longer" trains 9 epochs, and this one ')
    document = json.dumps({**spec, "warm_start": ["nosuch", "damaged", "good", "longer"]})
    for verb in ("run", "start"):
        # Nothing else is said, such as that a cloud starts.
        assert sweep(verb, "-", text=document).stderr.splitlines()[-3:] == said.stderr.splitlines()
        assert not (sweep.folder / ".stepsweep" / "templates").exists()
    assert planned("good").returncode == 0
    recorded.planned("begun", {"lr": [0.1, 0.2]}, search=spec["search"], warm_start=["removed"])
    assert planned("removed", name="begun").returncode == 0, "its model knows what it was told"
    other, taken = faults(planned("nosuch", name="begun"), 2)
    assert other == missing
    assert taken.startswith('name: the sweep "begun" is there already and asked for something else (its field warm_st')


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"trials": 8, "batch": 4}, ["… and 4 more, which are drawn at random, too: a model needs 9 outcomes"]),
        (
            {"trials": 14, "batch": 5},
            [
                "… and 5 more, which are drawn at random, too: a model needs 9 outcomes",
                "… and 4 more, which a model chooses from the outcomes of all these",
            ],
        ),
        ({"trials": 14, "batch": 9}, ["… and 5 more, which a model chooses from the outcomes of these"]),
        (
            {"trials": 14},
            [
                "… and 5 more, which a model chooses from the outcomes of these; "
                "until 9 outcomes are known, they are drawn at random"
            ],
        ),
        ({"trials": 9}, []),
    ],
)
def test_a_plan_says_which_params_a_model_chooses(sweep: Sweep, search: dict[str, int], said: list[str]) -> None:
    spec = {"parameters": {"lr": {"low": 0.1, "high": 1}}, "epochs": 1, "search": {"method": "tpe", **search}}
    lines = sweep("plan", "-", text=json.dumps(spec)).stdout.splitlines()
    assert [line for line in lines if line.startswith("…")] == said


def test_a_plan_in_json(sweep: Sweep) -> None:
    ended = sweep("plan", "-", "--json", text="name: mine\nepochs: 2\nparameters: {lr: [0.1, 1e-2]}\n")
    document = json.loads(ended.stdout)
    assert (document["sweep"], document["trials"]) == ("mine", [{"lr": 0.1}, {"lr": 0.01}])
    assert SweepSpec.from_json(document["spec"]).epochs == 2
    assert document["measured_on"] == "the tutorial"
    assert document["seconds_per_epoch"] == [6, 6]
    low, high = document["usd"]
    assert document["usd_of_trials"] == [pytest.approx(4 * 6 / 3600 * 0.55, abs=2e-4)] * 2
    assert 10 * document["usd_of_trials"][0] < low < high, "boot and idling cost most of so short a sweep"
    assert document["cheapest"]["max_concurrency"] == 1
    assert document["fastest"] == {"max_concurrency": 2, "usd": document["usd"], "hours": document["hours"]}
    assert document["free_running"]["usd"][1] > 0


def test_the_tutorial_s_time_and_price_are_told_of_no_other_trainer(sweep: Sweep) -> None:
    spec = '{"command": "true {args}", "parameters": {"lr": [0.1]}, "epochs": 2, "objective": {"metric": "acc"}}'
    (sweep.folder / "mine.json").write_text(spec)
    ended = sweep("plan", "mine.json")
    assert ended.stdout.splitlines()[1] == (
        "Time and cost are unknown: no trial of this trainer has finished on this machine. With --calibrate, "
        "`sweep plan` trains one trial for one epoch first, and measures it."
    )
    document = json.loads(sweep("plan", "mine.json", "--json").stdout)
    assert (document["seconds_per_epoch"], document["usd"], document["measured_on"]) == (None, None, None)


def test_a_plan_of_several_rounds_shows_each_with_its_jobs_epochs_and_price_at_most(sweep: Sweep) -> None:
    words = ("--set", "lr=1e-4..1:log", "--search", "random", "--trials", "9", "--halving", "3:3", "--repeats", "2")
    ended = sweep("plan", *words, "--epochs", "27")
    assert ended.returncode == 0, ended.stderr
    first, _, usd, *_ = lines = ended.stdout.splitlines()
    assert first == (
        "random search: 9 sets of params (lr 0.0001..1 log) x 2 seeds, 18 trials, up to 27 epochs each; the best 1/3 "
        "continue after epoch 3: 126 epochs at most."
    )
    assert usd.startswith("The trials take 0.11 to 0.12 USD of that: ")
    assert lines[7:11] == [
        "round  jobs  up to epoch  epochs  USD of trials",
        "    0    18            3      54           0.05",
        "    1     6            9      36           0.03",
        "    2     2           27      36           0.03",
    ]
    document = json.loads(sweep("plan", *words, "--epochs", "27", "--json").stdout)
    assert (document["jobs_at_most"], document["epochs_at_most"]) == (26, 126)
    assert document["rounds"][1] == {"jobs": 6, "epochs": 36, "up_to": [9]}
    assert len(document["trials"]) == 9


def test_a_shell_that_is_not_named_is_a_fault_of_one_line(sweep: Sweep) -> None:
    refused = sweep("completion")
    said = "missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish (try `sweep completion --help`)"
    assert (refused.returncode, refused.stderr) == (2, f"sweep: {said}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(sweep: Sweep, shell: str) -> None:
    printed = sweep("completion", shell)
    assert printed.returncode == 0
    assert f"_SWEEP_COMPLETE={shell}_complete" in printed.stdout
    words = {"COMP_WORDS": "sweep re", "COMP_CWORD": "re" if shell == "fish" else "1"}
    asked = sweep(environment={"_SWEEP_COMPLETE": f"{shell}_complete", **words})
    assert "resume" in asked.stdout
    assert "rm" not in asked.stdout


def test_a_large_plan_is_cut_and_says_so(sweep: Sweep) -> None:
    choices = ",".join(str(number) for number in range(1, 101))
    ended = sweep("plan", "--set", f"a={choices}", "--set", f"b={choices}", "--epochs", "1")
    assert "10,000 trials (a 100 x b 100)" in ended.stdout
    assert "… and 9,980 more\n" in ended.stdout
    assert len(ended.stdout.splitlines()) < 35


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InvalidInput(["one", "two"]), 2, ["one", "two"]),
        (CloudError("it is gone\nfor long"), 1, ["it is gone", "for long"]),
        (click.UsageError("Give one."), 2, ["give one"]),
        (click.UsageError("Give one.", click.Context(cli, info_name="sweep")), 2, ["give one (try `sweep --help`)"]),
        (click.ClickException("No."), 1, ["no"]),
        (OSError(28, "No space left on device"), 1, ["No space left on device"]),
        (OSError("of its own kind"), 1, ["of its own kind"]),
        (PermissionError(13, "Permission denied", "there/it"), 1, ["there/it: Permission denied"]),
        (BrokenPipeError(), 1, []),
        (MemoryError(), 1, ["there is not enough memory; see `ulimit -v`, or end other programs"]),
        (click.Abort(), 130, ["interrupted"]),
        (KeyboardInterrupt(), 130, ["interrupted"]),
    ],
)
def test_each_error_is_lines_and_an_exit_code(
    error: BaseException,
    code: int,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(**_: object) -> int:
        raise error

    monkeypatch.setattr(cli, "main", broken)
    assert _exit_code() == code
    assert capsys.readouterr().err.splitlines() == [f"sweep: {line}" for line in said]


def test_show_starts_no_cloud_where_there_is_none(sweep: Sweep) -> None:
    assert faults(sweep("show", "mine"), 2) == [
        "there is no embedded cloud in .stepsweep; say where it is with --dir, or --on aws"
    ]
    assert list(sweep.folder.iterdir()) == []


def test_the_stack_s_name_is_the_one_that_is_deployed_by_default() -> None:
    assert StackConfig().stack_name == DEFAULT_STACK


# --- what AWS may answer ----------------------------------------------------------------------------------------------


def test_no_credentials(sweep: Sweep) -> None:
    (said,) = faults(sweep("run", *TRIAL, "--on", "aws", "--region", "us-east-1"), 1)[-1:]
    assert said.startswith("no usable AWS credentials (Unable to locate credentials); run `aws configure` or ")


def test_no_region(sweep: Sweep) -> None:
    assert faults(sweep("show", "x", "--on", "aws"), 1) == [
        "no AWS region is set; give --region us-east-1, or set AWS_REGION"
    ]


def test_a_region_that_is_none(sweep: Sweep) -> None:
    (said,) = faults(sweep("show", "x", "--on", "aws", "--region", "us east"), 2)
    assert said.endswith("write one such as us-east-1")


def test_a_profile_that_is_not_there(sweep: Sweep) -> None:
    config = sweep.folder / "config"
    config.write_text("[profile work]\nregion = us-east-1\n")
    ended = sweep("show", "x", "--on", "aws", "--profile", "wrok", environment={"AWS_CONFIG_FILE": str(config)})
    assert faults(ended, 2) == [
        "The config profile (wrok) could not be found; profiles in ~/.aws are: work",
    ]


def test_an_sso_login_that_is_over(sweep: Sweep) -> None:
    environment = sweep.with_sso_profile("work")
    (said,) = faults(sweep("show", "x", "--on", "aws", "--profile", "work", environment=environment), 1)
    assert said.startswith("the AWS login is over (")
    assert said.endswith("run `aws sso login --profile work`")


def test_a_cloud_that_cannot_be_reached(sweep: Sweep, stack: Stack) -> None:
    environment = {**stack.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    (said,) = faults(sweep("show", "x", "--on", "aws", environment=environment), 1)
    assert said.startswith('the cloud cannot be reached (Could not connect to the endpoint URL: "http://127.0.0.1:9')


def test_no_stack_of_that_name(sweep: Sweep, stack: Stack) -> None:
    ended = sweep("show", "x", "--on", "aws", "--stack", "Nothing", environment=stack.environment)
    assert faults(ended, 1) == [
        "there is no stack Nothing in eu-west-1; deploy it with `sweep deploy`, or say where it is with "
        "--stack, --region and --profile"
    ]


def test_a_stack_that_is_another_one(sweep: Sweep, stack: Stack) -> None:
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    stack.cloudformation().create_stack(StackName="Another", TemplateBody=json.dumps(template))
    ended = sweep("show", "x", "--on", "aws", "--stack", "Another", environment=stack.environment)
    (said,) = faults(ended, 1)
    assert said.startswith("the stack Another in eu-west-1 (CREATE_COMPLETE) has no output Bucket, StateMachineArn, ")


def test_the_folder_of_the_embedded_cloud_is_an_option_or_a_variable(sweep: Sweep, tmp_path: Path) -> None:
    by_variable = sweep("show", "x", environment={"STEPSWEEP_DIR": str(tmp_path / "mine")})
    by_option = sweep("show", "x", "--dir", str(tmp_path / "mine"))
    assert faults(by_variable, 2) == faults(by_option, 2)
    assert str(tmp_path / "mine") in by_option.stderr


def test_ctrl_c_while_the_command_is_imported_or_ends_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")
    ended = subprocess.run(
        [sys.executable, "-m", "stepsweep", "list"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=Sweep(folder=tmp_path).environment({"PYTHONPATH": str(tmp_path)}),
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "sweep: interrupted\n")

"""The examples of each way to search, run by the command line on one embedded cloud.

Their trainer's epoch is a sum, and its checkpoints are real: what is looked at are the rounds, and not the numbers.
"""

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.command import Sweep
from tests.support.embedded import REPOSITORY, keep_template

pytestmark = pytest.mark.slow

STEPS = REPOSITORY / "tests" / "trainers" / "steps"
EXAMPLES = REPOSITORY / "examples"


@dataclass(frozen=True, kw_only=True)
class Ran:
    lines: list[str]
    document: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Here:
    """An embedded cloud that stays up, and the command line beside it."""

    sweep: Sweep

    def run(self, example: str, *words: str) -> Ran:
        options = ("--name", example.partition(".")[0], "--json")
        ended = self.sweep("run", str(EXAMPLES / example), *words, *options, environment=self.environment())
        assert ended.returncode == 0, ended.stderr
        return Ran(lines=ended.stderr.splitlines(), document=json.loads(ended.stdout))

    def ask(self, *words: str) -> str:
        ended = self.sweep(*words, environment=self.environment())
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def environment(self) -> dict[str, str]:
        return {"STEPSWEEP_TRAINER": str(STEPS)}

    def metrics(self) -> dict[str, list[str]]:
        """Returns all metrics files by `trial_id/epochs`, without the column of seconds."""
        files = (self.sweep.folder / ".stepsweep" / "s3").glob("*/trials/*/metrics-e*.csv")
        return {
            f"{file.parent.name}/{re.sub(r'[^0-9]', '', file.stem)}": [
                line.rpartition(",")[0] for line in file.read_text().splitlines()
            ]
            for file in files
        }


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    sweep = Sweep(folder=tmp_path_factory.mktemp("searches"))
    keep_template(sweep.folder / ".stepsweep", {"trainer": str(STEPS)})
    found = Here(sweep=sweep)
    with sweep.popen("serve", "--json", environment=found.environment()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "{\n", process.communicate()
        yield found
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def test_random_search_tries_twenty_points_and_with_more_only_the_new_ones(here: Here) -> None:
    ran = here.run("random.json")
    assert ran.document["outcomes"]["SUCCEEDED"] == 20
    assert "20 planned." in ran.lines
    before = here.metrics().keys()

    more = here.sweep(
        "run", str(EXAMPLES / "random.json"), "--trials", "22", "--name", "more", environment=here.environment()
    )
    assert "22 planned, 20 finished before: 2 to run." in more.stdout.splitlines()
    assert len(here.metrics().keys() - before) == 2


def test_halving_trains_the_best_further_and_from_their_checkpoints(here: Here) -> None:
    ran = here.run("halving.json", "--seed", "1")  # else the trials are those of random.json, trained already
    output = ran.document
    assert [line for line in ran.lines if "planned" in line] == [
        "18 planned.",
        "Round 1: 6 planned, up to epoch 9.",
        "Round 2: 2 planned, up to epoch 27.",
    ]
    assert (output["rounds"], output["epochs_trained_total"]) == (3, 12 * 3 + 4 * 9 + 2 * 27)

    winner = output["winner"]["trial_id"]
    printed = here.ask("logs", "halving", "1").splitlines()
    assert printed[1] == "continuing after epoch 9"
    assert printed[2] == "epoch 10 of 27"

    listed = here.ask("list")
    assert re.search(r"^halving .* FINISHED +18/18 +--lr ", listed, re.MULTILINE)
    shown = json.loads(here.ask("show", "halving", "--json"))
    assert [row["epochs_trained"] for row in shown["trials"]] == [27] * 2 + [9] * 4 + [3] * 12

    # The same trial without halving, in one go and from the start.
    options = [word for name, value in output["winner"]["params"].items() for word in ("--set", f"{name}={value}")]
    fixed = ("--fixed", "dataset=fashion-mnist", "--fixed", "train_images=6400")
    here.ask("run", *options, *fixed, "--epochs", "27", "--seed", "1", "--fresh", "--name", "in-one-go")
    found = here.metrics()
    curves = [curve for name, curve in found.items() if name.startswith(winner[:-20]) and name.endswith("/27")]
    assert len(curves) == 2
    assert curves[0] == curves[1]
    assert len(curves[0]) == 28
    assert found[f"{winner}/3"] == curves[0][:4]
    assert found[f"{winner}/9"] == curves[0][:10]


@pytest.mark.parametrize(("example", "each"), [("folds.json", 5), ("repeats.json", 3)])
def test_the_mean_of_folds_or_of_seeds_is_ranked(here: Here, example: str, each: int) -> None:
    output = here.run(example).document
    assert output["outcomes"]["SUCCEEDED"] == 6 * each
    assert output["winner"]["n"] == each
    assert output["winner"]["standard_error"] > 0
    name = example.partition(".")[0]
    shown = here.ask("show", name).splitlines()
    assert re.search(rf"^Winner   --lr 0\.1 --momentum 0\.9  .* the mean of {each} and its standard error$",
                     "\n".join(shown), re.MULTILINE)  # fmt: skip
    (rows,) = [json.loads(here.ask("show", name, "--json"))["trials"]]
    assert [len(row["values"].split()) for row in rows] == [each] * 6
    word = "fold=1" if name == "folds" else "seed=1"
    assert here.ask("logs", name, "lr=0.1", "momentum=0.9", word).splitlines()[-1].startswith("wrote s3://")

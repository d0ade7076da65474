"""Whatever a person or a trainer writes: it is refused in words before anything starts, or it does no harm."""

import csv
import io
import json
import math
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsweep.bucket.outcomes import recorded
from stepsweep.bucket.trials import read_result
from stepsweep.client.cli.main import main
from stepsweep.client.specs.asked import Asked
from stepsweep.contract import keys, ranking
from stepsweep.contract.errors import InvalidInput, InvalidMetrics
from stepsweep.contract.job_outcome import begun
from stepsweep.contract.leaderboard_csv import FORMULA_STARTS, leaderboard_csv
from stepsweep.contract.metrics import parse_csv
from stepsweep.contract.results import counts, grouped
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status, Trial
from stepsweep.contract.words import options_line
from tests.faults.promises import Snapshot
from tests.support.specs import NOW
from tests.support.strategies import any_json, documents

_T = TypeVar("_T")

BATCH_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", re.ASCII)
OVERRIDES_BYTES = 8_192

deep: Any = 1
for _ in range(400):
    deep = [deep]

hostile_texts = st.sampled_from(
    [
        "../../etc/passwd", "..", "/", "trials/x", "$(reboot)", "`reboot`", "; rm -rf /", "| cat", "&& x", "--epochs",
        "-1e-5", "\0", "a\0b", "\n--lr 1", "\r\nX: y", "\x1b]0;x\x07", "=1+1",
        "@x", "'", '"', "\\", "{}", "%s", "$.x", "$$.x",
        "1e999", "1_000", "\uff11\uff12", "\u0663", "NaN", "Infinity", "0x10", "\ud800", "\u202e", "é" * 64,
        "x" * 65_536, "\u00a0", "",
    ]
)  # fmt: skip
hostile_values: st.SearchStrategy[Any] = (
    hostile_texts
    | st.sampled_from([float("inf"), float("nan"), 1e308, 5e-324, -0.0, 10**400, -(10**20), 2**53 + 1, True, None])
    | st.sampled_from([deep, {"low": 1e-320, "high": 1e308, "log": True}, {"low": 0, "high": 10**30}, [], {}])
    | any_json
)


@st.composite
def hostile_documents(draw: st.DrawFn) -> Any:
    """Inputs that keep every rule, but for one hostile value or name at any place."""
    document = draw(documents())
    place: Any = document
    while True:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
            place = place[key]
            continue
        if isinstance(place, dict) and draw(st.booleans()):
            place[draw(hostile_texts)] = place.pop(key)
        else:
            place[key] = draw(hostile_values)
        return document


def attempted(parse: Callable[[], _T]) -> tuple[_T | None, str]:
    """Returns what was parsed, or in which words it was refused."""
    try:
        return parse(), ""
    except (InvalidInput, InvalidMetrics) as error:
        return None, str(error)


def _is_number(word: str) -> bool:
    return bool(re.fullmatch(r"-[0-9.]+", word))


def check_that_it_does_no_harm(spec: SweepSpec) -> None:
    """Checks all that a spec decides outside of its own document: keys, names of jobs, command lines."""
    params = [dict.fromkeys(spec.parameters, "x")]
    if all(isinstance(parameter, tuple) for parameter in spec.parameters.values()):
        params = [{name: parameter[0] for name, parameter in spec.parameters.items()}]  # type: ignore[index, misc]
    for trial in spec.trials_of(params[0], trainer_version="v"):  # type: ignore[arg-type]
        assert BATCH_JOB_NAME.fullmatch(trial.trial_id)
        assert len(json.dumps(trial.command())) < OVERRIDES_BYTES
        words = trial.command()
        assert shlex.split(options_line(trial.params)) == words[: 2 * len(trial.params)]
        assert all(word.isprintable() and not word.startswith("Ref::") for word in words)
        assert not any(value.startswith("-") and not _is_number(value) for value in words[1::2])
        for key in (
            keys.outcome_key(spec.name, 0, trial.trial_id),
            keys.metrics_key(trial.trial_id, trial.epochs),
            keys.checkpoint_key(trial.trial_id),
        ):
            assert re.fullmatch(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*", key, re.ASCII)
            assert ".." not in key
            assert len(key) < 1_024
        assert Trial.from_json(json.loads(json.dumps(trial.to_json()))) == trial


@settings(max_examples=150, deadline=None)
@given(hostile_documents())
def test_a_hostile_document_is_refused_in_words_or_does_no_harm(document: Any) -> None:
    spec, refused = attempted(lambda: SweepSpec.from_json(document, default_name="unnamed"))
    if spec is not None:
        check_that_it_does_no_harm(spec)
    assert spec is not None or refused
    assert all(line.isprintable() and 0 < len(line) < 1_024 for line in refused.splitlines())


@settings(max_examples=100, deadline=None)
@given(
    text=st.binary(max_size=200)
    | hostile_documents().map(lambda document: json.dumps(document).encode())
    | hostile_texts.map(lambda text: f'{{"parameters": {{"lr": [{text}]}}, "epochs": 1}}'.encode("utf-8", "replace"))
    | hostile_texts.map(lambda text: f"parameters:\n  lr: [{text}]\nepochs: 1\n".encode("utf-8", "replace")),
    ending=st.sampled_from([".json", ".yaml"]),
)
def test_a_hostile_file_is_refused_in_words_or_does_no_harm(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, ending: str
) -> None:
    file = tmp_path_factory.mktemp("hostile") / f"spec{ending}"
    file.write_bytes(text)
    spec, refused = attempted(lambda: Asked(file=str(file)).spec(now=NOW))
    if spec is not None:
        check_that_it_does_no_harm(spec)
    assert spec is not None or refused


@pytest.mark.parametrize(
    "text",
    [
        b"\0",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"9" * 100_000,
        b'{"parameters": {"lr": [1e999]}, "epochs": 1}',
        b"\xff\xfe",
    ],
    ids=["nul", "lists", "objects", "digits", "1e999", "utf-16"],
)
def test_the_command_line_says_what_is_wrong_of_any_file(
    tmp_path: Path, text: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "spec.json"
    file.write_bytes(text)
    monkeypatch.setattr(sys, "argv", ["sweep", "run", str(file), "--dir", str(tmp_path / "cloud")])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2, said
    assert all(line.startswith("sweep: ") for line in said.splitlines()), said
    assert not (tmp_path / "cloud").exists()


GOOD = b"epoch,val_loss,val_accuracy\n1,0.5,0.75\n2,0.25,0.875\n"
cells = hostile_texts.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=20)


@st.composite
def hostile_metrics(draw: st.DrawFn) -> bytes:
    """A metrics file of which a part is replaced, taken away, or there twice; or anything."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=100))
    start, end = sorted(draw(st.tuples(st.integers(0, len(GOOD)), st.integers(0, len(GOOD)))))
    middle = draw(st.sampled_from([b"", GOOD[start:end] * 2]) | cells)
    return GOOD[:start] + middle + GOOD[end:]


@settings(max_examples=300, deadline=None)
@given(hostile_metrics())
def test_any_bytes_are_metrics_or_refused_in_words(data: bytes) -> None:
    metrics, refused = attempted(lambda: parse_csv(data, max_epochs=3))
    assert refused.isprintable()
    assert len(refused) < 1_024
    assert metrics is not None or refused
    if metrics is not None:
        assert 1 <= metrics.epochs <= 3
        assert metrics.columns["epoch"] == list(range(1, metrics.epochs + 1))
        assert all(len(values) == metrics.epochs for values in metrics.columns.values())
        reached, why = attempted(lambda: SPEC.objective.value_of(metrics))
        assert why if reached is None else math.isfinite(reached.value)


SPEC = SweepSpec.from_json({"parameters": {"act": ["a", "b"]}, "epochs": 3, "name": "s"})
FIRST, SECOND = (SPEC.trials_of({"act": act}, trainer_version="v")[0] for act in "ab")
FAILED = begun(FIRST.trial_id, Status.FAILED, execution="s-1")


@settings(max_examples=150, deadline=None)
@given(
    metrics=st.none() | hostile_metrics(),
    outcome=st.none() | st.binary(max_size=50) | any_json.map(json.dumps).map(str.encode)
    | hostile_texts.map(lambda text: {**FAILED, "failure": {"Error": text, "Cause": text}})
    .map(json.dumps)
    .map(str.encode),
)  # fmt: skip
def test_whatever_a_job_leaves_its_trial_has_one_outcome_and_the_leaderboard_no_formula(
    metrics: bytes | None, outcome: bytes | None
) -> None:
    objects = {SECOND.metrics_key: GOOD}
    if metrics is not None:
        objects[FIRST.metrics_key] = metrics
    if outcome is not None:
        objects["outcome"] = outcome
    bucket = Snapshot(objects=objects)
    results = [
        read_result(bucket, FIRST, SPEC.objectives, outcome=recorded(bucket, "outcome")).result,
        read_result(bucket, SECOND, SPEC.objectives, outcome=None).result,
    ]
    assert sum(counts(results).values()) == 2
    leaderboard = ranking.ranked(grouped(results), SPEC.objectives)
    table = leaderboard_csv(leaderboard, SPEC.objectives, list(SPEC.parameters)).decode()
    rows = list(csv.reader(io.StringIO(table, newline=""), strict=True))
    assert len(rows) == 3
    assert {row[0] for row in rows[1:]} <= {"1", "2", ""}
    assert Status.SUCCEEDED in (result.outcome.status for result in results)
    for cell in (cell for row in rows for cell in row):
        is_number = re.fullmatch(r"-?[0-9.]+(e[+-]?[0-9]+)?", cell)
        assert is_number or not cell.startswith(FORMULA_STARTS)
        assert cell.isprintable()

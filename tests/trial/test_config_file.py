"""The trial's copy of a script's configuration file gets the options; all else in it stays as it is written."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stepsweep.trial.command import WrongCommand
from stepsweep.trial.config_file import fields, merged

YAML = """\
# a comment
data: {name: wine, path: !here x}
optim:
  lr: 1e-3  # a text to PyYAML, a number to others
  betas: [0.9, 0.999]
  "weight decay": 0
base: &base {width: 8, depth: 2}
big:
  <<: *base
  act: "yes"
also: *base
out: ${data.name}/x
"""


def changed(tmp_path: Path, text: str, options: dict[str, Any], name: str = "c.yaml") -> str:
    (tmp_path / name).write_text(text)
    return merged(tmp_path / name, options)


def test_a_field_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    text = changed(tmp_path, YAML, {"optim.lr": 1e-05, "optim.betas": [0.5, 1], "big.act": "on", "data.name": None})
    assert "!here 'x'" in text or "!here x" in text
    document = yaml.safe_load(text.replace("!here ", ""))
    assert document["optim"] == {"lr": 1e-05, "betas": [0.5, 1], "weight decay": 0}
    assert document["big"] == {"width": 8, "depth": 2, "act": "on"}
    assert document["data"]["name"] is None
    assert document["out"] == "${data.name}/x"
    kept = changed(tmp_path, YAML, {"optim.betas": [1]})
    assert "lr: 1e-3\n" in kept, "it has no quotes, so others read a number as before"


def test_a_file_has_the_fields_that_its_text_says_and_the_values_that_python_would_read(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(YAML)
    assert fields(tmp_path / "c.yaml") == {
        "data": None, "data.name": "wine", "data.path": None, "optim": None, "optim.lr": "1e-3", "optim.betas": None,
        "optim.weight decay": 0, "base": None, "base.width": 8, "base.depth": 2, "big": None, "big.<<": None,
        "big.<<.width": 8, "big.<<.depth": 2, "big.act": "yes", "also": None, "also.width": 8, "also.depth": 2,
        "out": "${data.name}/x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"optim.rate": 1}, "has no field optim.rate"),
        ({"lr": 1}, "has no field lr"),
        ({"big.width": 1}, "has no field big.width"),
        ({"base.width": 1}, "base.width is a part of what another field shares with it, by an anchor"),
        ({"optim.lr.x": 1}, "has no field optim.lr.x"),
    ],
)
def test_a_field_that_is_not_there_is_refused(tmp_path: Path, options: dict[str, Any], fault: str) -> None:
    with pytest.raises(WrongCommand) as caught:
        changed(tmp_path, YAML, options)
    assert caught.value.faults == [f"--into {tmp_path / 'c.yaml'}: {fault}"]


def test_json(tmp_path: Path) -> None:
    text = '{"optim": {"lr": 0.1, "name": "sgd"}, "n": 1}'
    assert yaml.safe_load(changed(tmp_path, text, {"optim.lr": 0.5, "n": [1]}, "c.json")) == {
        "optim": {"lr": 0.5, "name": "sgd"}, "n": [1],
    }  # fmt: skip
    assert fields(tmp_path / "c.json") == {"optim": None, "optim.lr": 0.1, "optim.name": "sgd", "n": 1}
    with pytest.raises(WrongCommand, match="has no field x"):
        changed(tmp_path, text, {"x": 1, "n": 2}, "c.json")


def test_json_stays_json(tmp_path: Path) -> None:
    """YAML has no tabs, and would write an object of JSON in its own way."""
    text = '{\n\t"lr": 0.1,\n\t"name": "ü",\n\t"deep": {"er": [1, 2]}\n}'
    assert changed(tmp_path, text, {"lr": 1e-05, "deep.er": None}, "c.json") == (
        '{\n  "lr": 1e-05,\n  "name": "ü",\n  "deep": {\n    "er": null\n  }\n}\n'
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.yaml", "[1"),
        ("c.yaml", "- 1"),
        pytest.param("c.yaml", 5_000 * "[", id="deep YAML"),
        ("c.json", "{"),
        ("c.json", "[]"),
        pytest.param("c.json", 5_000 * '{"a":', id="deep JSON"),
    ],
)
def test_what_is_no_configuration(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(WrongCommand, match=r"cannot be read|must be"):
        fields(tmp_path / name)


def test_a_yaml_file_needs_a_package_and_a_json_file_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    for name in ("c.json", "c.yaml"):
        (tmp_path / name).write_text('{"lr": 1}')
    assert fields(tmp_path / "c.json") == {"lr": 1}
    with pytest.raises(WrongCommand, match=r"^--into: needs the package pyyaml$"):
        fields(tmp_path / "c.yaml")


def test_a_trial_s_copy_gets_them_and_a_file_of_a_person_does_not(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("lr: 3\nepochs: 9\n")
    code = (
        "import sys, yaml; c = yaml.safe_load(open('c.yaml'))\n"
        "for e in range(c['epochs']): print(f'epoch {e + 1} lr={c[\"lr\"]} n={len(sys.argv)}')"
    )
    kit = [sys.executable, "-m", "stepsweep.trial", "--no-seed", "--into", "c.yaml", "--"]
    words = [*kit, sys.executable, "-c", code, "{args}", "--lr", "0.1", "--epochs", "2", "--seed", "0"]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "by hand, change the file" in ended.stderr
    environment = {**os.environ, "STEPSWEEP_METRICS_URI": str(tmp_path / "m.csv")}
    subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert (tmp_path / "m.csv").read_text() == "epoch,lr,n\n1,0.1,1.0\n2,0.1,1.0\n"

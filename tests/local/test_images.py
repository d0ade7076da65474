"""What `docker run` would start, read from Dockerfiles."""

import json
import sys
from pathlib import Path

import pytest

from stepsweep.local.images import Image, images_of


def image(folder: Path, dockerfile: str) -> Image:
    """Returns the image of a stack whose one image has this Dockerfile."""
    (folder / "asset").mkdir(parents=True)
    (folder / "asset" / "Dockerfile").write_text(dockerfile)
    (folder / "Stack.assets.json").write_text(
        json.dumps({"files": {}, "dockerImages": {"tag": {"source": {"directory": "asset"}}}})
    )
    return images_of(folder, "Stack")["tag"]


@pytest.mark.parametrize(
    ("dockerfile", "argv"),
    [
        ('FROM x\nENTRYPOINT ["run"]', ["run", "--lr", "0.1"]),
        (
            'FROM x\nENTRYPOINT ["stepsweep-trial", "--", "python", "{args}"]',
            [sys.executable, "-m", "stepsweep.trial", "--", "python", "{args}", "--lr", "0.1"],
        ),
        ('FROM x\nENTRYPOINT [ "run", "a b" ]', ["run", "a b", "--lr", "0.1"]),
        ('from x\nentrypoint ["run"]', ["run", "--lr", "0.1"]),
        ('FROM x\nENTRYPOINT ["first"]\nENTRYPOINT ["last"]', ["last", "--lr", "0.1"]),
        ('FROM x\nENTRYPOINT ["run", \\\n  "on"]', ["run", "on", "--lr", "0.1"]),
        ('FROM x\nENTRYPOINT ["run"]\nCMD ["--help"]', ["run", "--lr", "0.1"]),
        ('FROM x AS build\nENTRYPOINT ["build"]\nFROM y\nENTRYPOINT ["run"]', ["run", "--lr", "0.1"]),
        ('FROM x AS build\nENTRYPOINT ["build"]\nFROM y', ["--lr", "0.1"]),
        ("FROM x\nENTRYPOINT run on", ["/bin/sh", "-c", "run on", "--lr", "0.1"]),
        ("FROM x\nENTRYPOINT ['run']", ["/bin/sh", "-c", "['run']", "--lr", "0.1"]),
        ("FROM x", ["--lr", "0.1"]),
    ],
)
def test_a_job_runs_the_entrypoint_with_its_command(tmp_path: Path, dockerfile: str, argv: list[str]) -> None:
    assert image(tmp_path, dockerfile).argv(["--lr", "0.1"]) == argv


@pytest.mark.parametrize(
    ("dockerfile", "argv"),
    [
        ('FROM x\nENTRYPOINT ["run"]\nCMD ["--help"]', ["run", "--help"]),
        ('FROM x\nCMD ["run", "on"]', ["run", "on"]),
        ("FROM x\nCMD run on", ["/bin/sh", "-c", "run on"]),
        ('FROM x\nCMD ["run"]\nFROM y', []),
        ('FROM x\nCMD ["--help"]\nENTRYPOINT ["run"]', ["run", "--help"]),
        ("FROM x", []),
    ],
)
def test_a_job_without_a_command_runs_the_images(tmp_path: Path, dockerfile: str, argv: list[str]) -> None:
    assert image(tmp_path, dockerfile).argv([]) == argv


@pytest.mark.parametrize(
    ("dockerfile", "drops"),
    [
        ('FROM x\nENTRYPOINT ["run"]', False),
        ('FROM x\nENTRYPOINT ["/bin/sh", "-c", "run \\"$@\\"", "--"]', False),
        ("FROM x\nENTRYPOINT run on", True),
        ('FROM x\nCMD ["run"]', True),
        ("FROM x", True),
    ],
)
def test_an_entrypoint_in_the_shells_form_drops_a_jobs_options(tmp_path: Path, dockerfile: str, drops: bool) -> None:
    assert image(tmp_path, dockerfile).drops_options is drops


@pytest.mark.parametrize("program", ["python", "python3"])
def test_python_is_the_one_that_runs_the_embedded_cloud(tmp_path: Path, program: str) -> None:
    made = image(tmp_path, f'FROM x\nENTRYPOINT ["{program}", "-m", "trainer"]')
    assert made.argv(["--lr", "0.1"]) == [sys.executable, "-m", "trainer", "--lr", "0.1"]


@pytest.mark.parametrize("program", ["python2", "/opt/python", "pythonic"])
def test_another_program_is_taken_as_it_is(tmp_path: Path, program: str) -> None:
    assert image(tmp_path, f'FROM x\nENTRYPOINT ["{program}"]').argv([]) == [program]


def test_the_environment_is_the_last_stages(tmp_path: Path) -> None:
    made = image(tmp_path, 'FROM x AS build\nENV A=build\nFROM y\nENV B=1 C="a b"\nENV D $B-$C')
    assert made.environment == {"B": "1", "C": "a b", "D": "1-a b"}


def test_a_stage_made_from_another_starts_with_what_that_one_says(tmp_path: Path) -> None:
    base = 'FROM x AS base\nENTRYPOINT ["run"]\nCMD ["--help"]\nENV A=base B=base\nLABEL stepsweep.preload=json\n'
    made = image(tmp_path, base + "FROM y AS other\nENV C=other\nFROM --platform=linux/amd64 base AS last\nENV B=last")
    assert made.argv([]) == ["run", "--help"]
    assert made.environment == {"A": "base", "B": "last"}
    assert made.preload == ("json",)


def test_a_new_entrypoint_takes_the_command_of_the_stage_before_away(tmp_path: Path) -> None:
    made = image(tmp_path, 'FROM x AS base\nCMD ["--help"]\nFROM base\nENTRYPOINT ["run"]')
    assert made.argv([]) == ["run"]


def test_modules_to_preload_are_named_by_a_label(tmp_path: Path) -> None:
    assert image(tmp_path, 'FROM x\nLABEL stepsweep.preload="torch torchvision"').preload == ("torch", "torchvision")


def test_without_the_label_nothing_is_preloaded(tmp_path: Path) -> None:
    assert image(tmp_path, "FROM x\nLABEL other=1").preload == ()


def test_a_job_runs_in_the_build_context(tmp_path: Path) -> None:
    assert image(tmp_path, "FROM x\nWORKDIR /app").folder == (tmp_path / "asset").resolve()


def test_a_dockerfile_can_have_another_name_and_lie_deeper(tmp_path: Path) -> None:
    (tmp_path / "asset" / "trainer").mkdir(parents=True)
    (tmp_path / "asset" / "trainer" / "Other.dockerfile").write_text('FROM x\nENTRYPOINT ["run"]')
    source = {"directory": "asset", "dockerFile": "trainer/Other.dockerfile"}
    (tmp_path / "Stack.assets.json").write_text(json.dumps({"dockerImages": {"tag": {"source": source}}}))
    made = images_of(tmp_path, "Stack")["tag"]
    assert (made.argv([]), made.folder) == (["run"], (tmp_path / "asset").resolve())


def test_a_stack_without_images_has_none(tmp_path: Path) -> None:
    """Where the image is built already, and named by its URI."""
    (tmp_path / "Stack.assets.json").write_text(json.dumps({"version": "1", "files": {}}))
    assert images_of(tmp_path, "Stack") == {}


def test_an_image_may_name_its_check(tmp_path: Path) -> None:
    named = image(tmp_path / "named", 'FROM x\nLABEL stepsweep.check="python -m my.check --all"')
    assert named.check == ("python", "-m", "my.check", "--all")
    assert named.argv_of(named.check) == [sys.executable, "-m", "my.check", "--all"]
    assert image(tmp_path / "unnamed", "FROM x").check == ()

"""What a script's files say of places that trials share is named before they start."""
# ruff: noqa: S108  temporary paths are what is looked for

from pathlib import Path

import pytest

from stepsweep.local.written_paths import shared

PROJECT = Path("/home/me/project")


def said(folder: Path, text: str, name: str = "train.py", commands: tuple[tuple[str, ...], ...] = ()) -> str:
    (folder / name).write_text(text)
    warning = shared(folder, commands, PROJECT, ["data"])
    return "" if warning is None else warning.removeprefix("Trials on this machine share ").split(". If")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\ntorch.save(model, '/tmp/best.pt')", "/tmp/best.pt (train.py line 2)"),
        ('np.save("/dev/shm/a.npy", x); np.load("/dev/shm/a.npy")', "/dev/shm/a.npy (train.py line 1)"),
        ('os.path.join("/tmp", "x")', "/tmp (train.py line 1)"),
        ('out = "/home/me/project/out/best.pt"', "/home/me/project/out/best.pt (train.py line 1)"),
        ("", ""),
        ("# '/tmp/best.pt'", ""),
        ("f'/tmp/{name}.pt', '/tmp/%s' % name, '/tmp/$USER'", ""),
        ("'/home/me/project/data/images', '/home/me/project-2/x', '/data/tmp/x', 'tmp/x', '~/tmp/x'", ""),
        ("'https://example.com/tmp/x'", ""),
    ],
)
def test_a_path_that_is_written_out(tmp_path: Path, text: str, expected: str) -> None:
    assert said(tmp_path, text) == expected


def test_options_and_configurations_count_and_only_a_few_are_named(tmp_path: Path) -> None:
    assert said(tmp_path, "", commands=(("--out", "/tmp/out"), ("--log=/tmp/log",))) == (
        "/tmp/log (the command), /tmp/out (the command)"
    )
    assert said(tmp_path, "out: /tmp/a\n\nb: [/tmp/b, /tmp/c, /tmp/d]", "c.yaml") == (
        "/tmp/a (c.yaml line 1), /tmp/b (c.yaml line 3), /tmp/c (c.yaml line 3) and 1 more"
    )
    assert said(tmp_path, "x" * 2**21 + "/tmp/large", "large.json").count("large") == 0

"""A folder that another user made where anybody may: nothing of it is run."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stepsweep.client.cli.main import main
from stepsweep.contract.errors import InvalidInput
from stepsweep.local.owner import checked
from stepsweep.local.template import cache_folder

OTHER = 65_534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another user")


@pytest.fixture
def stranger_made(tmp_path: Path) -> Path:
    """A folder that a stranger made first, in one like /tmp; both are open to anybody."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    made = shared / "stepsweep"
    made.mkdir()
    made.chmod(0o777)
    os.chown(made, OTHER, OTHER)
    return made


def refused(words: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", ["sweep", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--set", "lr=0.1", "--epochs", "1"),
        ("start", "--set", "lr=0.1", "--epochs", "1"),
        ("serve",),
        ("list",),
    ],
    ids=lambda words: words[0],
)
def test_a_strangers_folder_is_no_cloud(
    words: tuple[str, ...], stranger_made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused([*words, "--dir", str(stranger_made)], monkeypatch, capsys)
    assert said == (
        f"sweep: --dir: {stranger_made} belongs to another user, and may hold code of theirs that would run as you; "
        "name a folder of your own\n"
    )
    assert [*stranger_made.iterdir()] == []


def test_a_strangers_cache_is_not_taken(stranger_made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sweep deploy` would run a CDK CLI from there, with the person's credentials."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(stranger_made.parent))
    with pytest.raises(InvalidInput, match=f"XDG_CACHE_HOME: {stranger_made} belongs to another user"):
        cache_folder()


@pytest.mark.parametrize("owner", [None, 0], ids=["this person", "root"])
def test_ones_own_folder_and_roots_may_be_open_to_anybody(stranger_made: Path, owner: int | None) -> None:
    os.chown(stranger_made, os.geteuid() if owner is None else owner, 0)
    assert checked(stranger_made) == stranger_made
    assert checked(stranger_made.parent / "missing") == stranger_made.parent / "missing"


@pytest.mark.parametrize(("own", "above"), [(0o757, 0o755), (0o755, 0o1777)])
def test_a_folder_that_anybody_may_write_to_or_make_is_a_strangers(stranger_made: Path, own: int, above: int) -> None:
    stranger_made.chmod(own)
    stranger_made.parent.chmod(above)
    with pytest.raises(InvalidInput, match=r"^--dir: .* belongs to another user"):
        checked(stranger_made)


def test_what_nobody_else_can_write_stays_a_cloud(
    stranger_made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as a colleague's folder, or one of the host in a container."""
    stranger_made.chmod(0o755)
    stranger_made.parent.chmod(0o755)
    monkeypatch.setattr(sys, "argv", ["sweep", "list", "--dir", str(stranger_made)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "There is no sweep in" in capsys.readouterr().out

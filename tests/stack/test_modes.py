"""What a deployment includes can be read by the users that images and functions run as, whatever the person's umask."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stepsweep.local.images import sources_of
from stepsweep.local.template import node_environment, synthesized
from stepsweep.stack.packages import FUNCTION_FILES, PACKAGE, staged, staged_reducer
from stepsweep.trainer_files import contents, copy, digests, version_of
from stepsweep.trainer_script import Script


def modes(folder: Path) -> dict[str, set[str]]:
    """Returns the modes of folders and files below a folder."""
    found: dict[str, set[str]] = {"folders": set(), "files": set()}
    for path in folder.rglob("*"):
        kind = "folders" if path.is_dir() else "files"
        found[kind].add(oct(stat.S_IMODE(path.stat().st_mode)))
    return found


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Sets a umask of 077, and returns a trainer's folder that was written under it."""
    before = os.umask(0o077)
    monkeypatch.setattr(os, "umask", os.umask)
    try:
        (tmp_path / "mine" / "data").mkdir(parents=True)
        (tmp_path / "mine" / "Dockerfile").write_text('FROM python:3.11-slim\nENTRYPOINT ["python", "train.py"]\n')
        (tmp_path / "mine" / "data" / "values.csv").write_text("1\n")
        (tmp_path / "mine" / "run.sh").touch(mode=0o700)
        copy(contents(tmp_path / "mine"), tmp_path / "copied")
        staged(FUNCTION_FILES, tmp_path / "staged")
        staged_reducer(tmp_path / "reducer")
    finally:
        os.umask(before)
    return tmp_path


def test_files_are_staged_with_normal_modes(private: Path) -> None:
    assert modes(private / "copied") == {"folders": {"0o755"}, "files": {"0o644", "0o755"}}
    assert os.access(private / "copied" / "run.sh", os.X_OK)
    for staging in ("staged", "reducer"):
        assert modes(private / staging) == {"folders": {"0o755"}, "files": {"0o644"}}
    assert "Plotly" in (private / "reducer" / "stepsweep" / "page" / "plotly.min.js").read_text()


def test_what_is_missing_is_an_error_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        staged(["contract/*.py", "nothing/*.py"], tmp_path / "staged")
    assert str(raised.value) == f"no file matches nothing/*.py in {PACKAGE}"
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(FileNotFoundError) as raised:
        staged_reducer(tmp_path / "reducer")
    assert str(raised.value) == "the package plotly is missing: pip install 'stepsweep[deploy]'"


@pytest.fixture(scope="module")
def synthesized_as_deployed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Returns the file of a script's trainer, and the cloud assembly that a deploy has of it, under a umask of 077."""
    folder = tmp_path_factory.mktemp("deployed")
    project, out, temporary = folder / "mine", folder / "cdk.out", folder / "temporary"
    temporary.mkdir()
    project.mkdir(mode=0o700)
    (project / "train.py").write_text("print('loss=1')\n")
    (project / "train.py").chmod(0o600)
    trainer = Script(folder=project, entrypoint=("stepsweep-trial", "--", "python", "train.py")).written(folder)
    context = {"image": None, "trainer": str(trainer)}
    environment = {
        **os.environ,
        **node_environment(),
        "CDK_OUTDIR": str(out),
        "TMPDIR": str(temporary),
        "CDK_CONTEXT_JSON": json.dumps(context),
        "CDK_VALIDATION": "false",  # tests/proof asks CDK's own rules, which takes fifteen seconds of a core
    }
    script = "import os, runpy; os.umask(0o077); runpy.run_module('stepsweep.stack.app', run_name='__main__')"
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True)
    return trainer, out


def test_the_assets_of_a_synthesis_have_normal_modes(synthesized_as_deployed: tuple[Path, Path]) -> None:
    _, out = synthesized_as_deployed
    for asset in out.glob("asset.*"):
        if asset.is_dir():
            assert modes(asset)["folders"] <= {"0o755"}, asset
            assert modes(asset)["files"] <= {"0o644", "0o755"}, asset


def test_a_synthesis_leaves_no_temporary_files(synthesized_as_deployed: tuple[Path, Path]) -> None:
    """It copies what it includes to temporary folders."""
    _, out = synthesized_as_deployed
    assert [*out.with_name("temporary").iterdir()] == []


def test_the_embedded_cloud_has_the_template_that_a_deploy_has_of_the_same_trainer(
    synthesized_as_deployed: tuple[Path, Path], tmp_path: Path
) -> None:
    """It synthesizes none for each trainer, but takes one that stands for all."""
    trainer, out = synthesized_as_deployed
    embedded = synthesized(tmp_path, context={"trainer": str(trainer)})
    (there,), (here,) = ([*sources_of(assembly, "Stepsweep")] for assembly in (out, embedded))
    assert here.tag == version_of(contents(trainer))
    assert here.context.name == f"asset.{here.tag}"
    assert digests(contents(here.context)) == digests(contents(there.context)) == digests(contents(trainer))

    def template(assembly: Path, tag: str) -> Any:
        text = (assembly / "Stepsweep.template.json").read_text().replace(tag, "TAG")
        assert text.count("TAG") == 3
        document = json.loads(text)
        for resource in document["Resources"].values():
            resource.pop("Metadata", None)
        return document

    assert template(embedded, here.tag) == template(out, there.tag)

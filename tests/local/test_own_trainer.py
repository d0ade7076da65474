"""What of a synthesized stack becomes another one's when a person's trainer takes the place of the placeholder."""

import json
from pathlib import Path
from typing import Any

import pytest

from stepsweep.local.own_trainer import placeholder, put
from stepsweep.trainer_files import contents, version_of
from stepsweep.trainer_script import Script

STANDS = "stepsweep-placeholder"


def files_of(folder: Path) -> dict[str, Any]:
    """Returns the text of each file, and what JSON documents say."""
    texts = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: json.loads(path.read_bytes()) if path.suffix == ".json" else path.read_text()
        for name, path in texts.items()
    }


def template_of(*, tag: str, name: str, command: str) -> dict[str, Any]:
    """Returns what a template says of a trainer, and what it says beside."""
    return {
        f"Of{tag}": {"Image": f"ecr/assets:{tag}", "Named": [name, 1, True, None]},
        "Outputs": {"Command": command, "Note": f"not {STANDS} alone", STANDS: "a key"},
    }


def assembly_in(folder: Path, dockerfile: str) -> Path:
    images = {tag: {"source": {"directory": f"asset.{tag}"}} for tag in ("placed", "other")}
    documents = {
        "Stack.assets.json": {"dockerImages": images},
        "Stack.template.json": template_of(tag="placed", name=STANDS, command=f'["{STANDS}"]'),
    }
    for tag, text in {"placed": dockerfile, "other": "FROM other"}.items():
        (folder / f"asset.{tag}").mkdir(parents=True)
        (folder / f"asset.{tag}" / "Dockerfile").write_text(text)
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document))
    (folder / "zip").mkdir()
    (folder / "zip" / "index.py").write_text(f"placed {STANDS}")
    return folder


@pytest.mark.parametrize("is_script", [False, True])
def test_a_trainer_takes_the_place_of_the_one_that_stands_for_all(tmp_path: Path, *, is_script: bool) -> None:
    (tmp_path / "made").mkdir()
    standing = contents(placeholder(tmp_path / "made"))[Path("Dockerfile")]
    assert isinstance(standing, bytes)
    assembly = assembly_in(tmp_path / "assembly", standing.decode())
    before = files_of(assembly)
    mine = tmp_path / "mine ü"
    mine.mkdir()
    (mine / "train.py").write_text("print()")
    (mine / "Dockerfile").write_text("FROM mine\n")
    trainer, command = mine, "[]"
    if is_script:
        trainer = Script(folder=mine, entrypoint=("stepsweep-trial", "train.py")).written(tmp_path / "scripts")
        command = '["stepsweep-trial", "train.py"]'

    put(trainer, assembly, "Stack", tmp_path / "put")

    version = version_of(contents(trainer))
    own = "FROM mine\n" + (f"ENTRYPOINT {command}\nCMD []\n" if is_script else "")
    images = {tag: {"source": {"directory": f"asset.{tag}"}} for tag in (version, "other")}
    assert files_of(tmp_path / "put") == {
        "Stack.assets.json": {"dockerImages": images},
        "Stack.template.json": template_of(tag=version, name="mine ü", command=command),
        f"asset.{version}/Dockerfile": own,
        f"asset.{version}/train.py": "print()",
        "asset.other/Dockerfile": "FROM other",
        "zip/index.py": f"placed {STANDS}",
    }
    assert files_of(assembly) == before

"""The images' Dockerfiles are linted, and can be built from what is deployed."""

from pathlib import Path

from tests.proof import image
from tests.proof.proof import Proof
from tests.proof.tools import ROOT


def test_every_dockerfile_is_clean() -> None:
    files = image.dockerfiles()
    assert ROOT / "trainer" / "Dockerfile" in files
    assert {file: image.linted(file) for file in files} == {file: [] for file in files}


def test_the_linter_finds_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM python:latest\nRUN cd /tmp && sudo pip install torch\n")
    assert {finding.split()[1] for finding in image.linted(file)} >= {"DL3007:", "DL3004:"}


def test_what_the_image_copies_is_deployed_with_it(proof: Proof) -> None:
    assert list(image.faults_of_context(proof.assembly)) == []

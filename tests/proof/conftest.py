"""One proof for all test processes: synthesizing takes seconds."""

import pytest

from tests.proof.proof import Proof
from tests.support.once import shared_folder


@pytest.fixture(scope="session")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Proof:
    return Proof(shared_folder(tmp_path_factory, "proof"))

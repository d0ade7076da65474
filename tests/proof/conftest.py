"""One proof for the tests of a session: synthesizing takes seconds."""

import pytest

from tests.proof.proof import Proof


@pytest.fixture(scope="session")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Proof:
    return Proof(tmp_path_factory.mktemp("proof"))

"""One embedded cloud for the tests of a session: starting one takes seconds."""

from collections.abc import Iterator

import pytest

from tests.embedded import Cloud, running_cloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud"), slots=4) as running:
        yield running

"""One engine and one base image for all tests of a session: `make image` names the trainers whose images are built."""

import os

import pytest

from stepsweep.local.container_engine import Engine
from tests.support import containers


@pytest.fixture(scope="session")
def engine() -> Engine:
    if not os.environ.get("STEPSWEEP_IMAGES"):
        pytest.skip("takes minutes and a base image; `make image` runs it")
    try:
        engine = containers.engine()
        print(f"{engine.name}; {containers.BASE} {containers.base_image(engine, containers.BASE)}")
    except containers.Unavailable as reason:
        pytest.fail(str(reason))
    return engine

"""What only some commands need, and not everybody has installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from stepsweep.contract.errors import InvalidInput


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Says how to install an extra of pyproject.toml, where what the context imports is not there.

    Raises:
        InvalidInput: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "a package").partition(".")[0]
        raise InvalidInput([f"{what} needs {missing}: pip install 'stepsweep[{name}]'"]) from None

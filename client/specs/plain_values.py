"""What Python code gives, with the values of its libraries, in JSON's types."""

from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Returns a value in JSON's types: tuples, ranges and NumPy arrays become lists, NumPy numbers become numbers."""
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else value

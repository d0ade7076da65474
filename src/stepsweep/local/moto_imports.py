"""Skips unused parts of moto at import, which saves a third of the time.

This must run before the first import of moto's services, so it is not in `local.patches`, which imports them.
"""

import functools
import sys
from types import ModuleType
from typing import Any, NoReturn

OFFERINGS = "ec2/resources/instance_type_offerings/"
"""The instance types of each zone in each region: 3 MB of compressed JSON."""

OFFERED_HERE = f"{OFFERINGS}availability-zone/us-east-1.json.gz"
"""Those of the embedded cloud's zones: a start with `--on aws` asks for them, and 19 KB are read at once."""

OPENAPI_VALIDATOR = "openapi_spec_validator"
"""Validates descriptions of APIs; it has 200 modules."""


def leave_out_what_nothing_asks_for() -> None:
    """Gives moto the offered instance types of our zones only, and makes it refuse to validate descriptions of APIs."""
    from moto.utilities import utils

    load = utils.load_resource

    @functools.wraps(load)
    def load_but_offerings(resource: str) -> Any:
        return [] if resource.startswith(OFFERINGS) and resource != OFFERED_HERE else load(resource)

    utils.load_resource = load_but_offerings
    for name in ("", ".validation", ".validation.exceptions"):
        module = ModuleType(OPENAPI_VALIDATOR + name)
        module.validate = _refuse  # type: ignore[attr-defined]
        module.OpenAPIValidationError = ValueError  # type: ignore[attr-defined]
        sys.modules[module.__name__] = module


def _refuse(*_: object) -> NoReturn:
    raise NotImplementedError("the embedded cloud does not check descriptions of APIs")

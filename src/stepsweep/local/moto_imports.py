"""What of moto is not loaded when it is imported: a third of the time that takes, for what nothing here asks for.

It must run before the first import of moto's services, so it is not in `local.patches`, which imports them.
"""

import functools
import sys
from types import ModuleType
from typing import Any, NoReturn

OFFERINGS = "ec2/resources/instance_type_offerings/"
"""Which instance types each zone of each region has: 3 MB of JSON, compressed."""

OPENAPI_VALIDATOR = "openapi_spec_validator"
"""For descriptions of APIs; it brings 200 modules."""


def leave_out_what_nothing_asks_for() -> None:
    """Has moto know of no instance type where it is offered, and refuse to check an API's description in OpenAPI."""
    from moto.utilities import utils

    load = utils.load_resource

    @functools.wraps(load)
    def load_but_offerings(resource: str) -> Any:
        return [] if resource.startswith(OFFERINGS) else load(resource)

    utils.load_resource = load_but_offerings
    for name in ("", ".validation", ".validation.exceptions"):
        module = ModuleType(OPENAPI_VALIDATOR + name)
        module.validate = _refuse  # type: ignore[attr-defined]
        module.OpenAPIValidationError = ValueError  # type: ignore[attr-defined]
        sys.modules[module.__name__] = module


def _refuse(*_: object) -> NoReturn:
    raise NotImplementedError("the embedded cloud does not check descriptions of APIs")

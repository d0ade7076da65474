"""Environment variables of every trial: rules for their names and values, and for the names of secrets.

S3 stores the spec, and the console shows it and each job's environment. Both hold a secret's name, never its value.
"""

import json
import re
from collections.abc import Iterator, Mapping

from stepsweep.contract.secret_forms import has_form_of_secret
from stepsweep.contract.space import MAX_INTEGER, shown

MAX_VARIABLES = 50
MAX_SECRETS = 20
MAX_VALUE = 2_048
"""Characters of one value."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_OURS = re.compile(r"(?i:STEPSWEEP_|AWS_)")
_OWN_FOLDERS = ("TMPDIR", "TMP", "TEMP")

_SECRET_WORDS = frozenset({"AUTHORIZATION", "KEY", "PASS", "PASSPHRASE", "PAT", "PWD"})
_SECRET_ENDS = ("APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "CREDENTIALS")


def environment_faults(raw: object) -> Iterator[str]:
    """Yields the faults of the field `environment`. They never repeat a value: it may be a secret."""
    if not isinstance(raw, Mapping):
        yield f'environment: must be an object of variables such as {{"OMP_NUM_THREADS": "4"}}, got {shown(raw)}'
        return
    if len(raw) > MAX_VARIABLES:
        yield f"environment: at most {MAX_VARIABLES} variables, got {len(raw)}"
        return
    for name, value in raw.items():
        if fault := name_fault(name):
            yield f"environment{fault}"
        elif fault := _value_fault(name, value):
            yield f"environment.{name}: {fault}"


def secret_faults(raw: object, environment: object) -> Iterator[str]:
    """Yields what is wrong with the field `secrets`, the names of variables whose values are kept elsewhere."""
    if not isinstance(raw, list | tuple):
        yield f'secrets: must be a list of names such as ["WANDB_API_KEY"], {_no_values(raw)}'
        return
    if len(raw) > MAX_SECRETS:
        yield f"secrets: at most {MAX_SECRETS} names, got {len(raw)}"
        return
    for number, name in enumerate(raw):
        if fault := name_fault(name):
            yield f"secrets{fault}"
        elif name in raw[:number]:
            yield f"secrets.{name}: stands in the list twice; name it once"
        elif isinstance(environment, Mapping) and name in environment:
            yield f"secrets.{name}: stands in `environment` too; keep it in one of the two"


def environment_of(raw: Mapping[str, str | int]) -> dict[str, str]:
    """Returns a field without faults as texts, sorted by name, so that the order in a file does not matter."""
    return {name: str(value) for name, value in sorted(raw.items())}


def name_fault(name: object) -> str | None:
    """Returns the rest of a fault after the field's name; None if a trial may have such a variable."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f": {shown(name)} is not a name of a variable; letters, digits and _, no digit first, at most 128"
    if _OURS.match(name):
        return f".{name}: the job sets what begins with STEPSWEEP_ or AWS_; choose another name"
    if name.upper() in _OWN_FOLDERS:
        return f".{name}: each trial has a folder of its own for temporary files; leave it out"
    return None


def looks_secret(name: str) -> bool:
    """Whether a variable with this name usually holds a secret: WANDB_API_KEY, HF_TOKEN, DB_PASSWORD."""
    words = name.upper().split("_")
    return any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDS) for word in words)


def overrides_bytes(environment: Mapping[str, str]) -> int:
    """Returns how many bytes of Batch's container overrides the variables take."""
    return sum(len(json.dumps({"name": name, "value": value})) + 1 for name, value in environment.items())


def _no_values(raw: object) -> str:
    return "without their values" if isinstance(raw, Mapping) else f"got {shown(raw)}"


def _value_fault(name: str, value: object) -> str | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INTEGER
    if not is_whole and not isinstance(value, str):
        return f"must be a text or a whole number; put quotes around it{_kind(value)}"
    text = str(value)
    if not text:
        return "is empty, and Batch drops empty variables; give it a value, or leave it out"
    if len(text) > MAX_VALUE:
        return f"must have at most {MAX_VALUE} characters, got {len(text)}"
    if not text.isprintable():
        place = next(place for place, sign in enumerate(text, start=1) if not sign.isprintable())
        return f"must be printable characters on one line, and number {place} of {len(text)} is none; leave it out"
    if looks_secret(name) or has_form_of_secret(text):
        return (
            "looks like a secret, and everybody who sees the sweep could read it, in its spec, in S3 and in the "
            "console; name it in `secrets` (--secret) instead, without its value"
        )
    return None


def _kind(value: object) -> str:
    kinds = {bool: "true or false", float: "a fraction", list: "a list", dict: "an object", type(None): "null"}
    return f", got {kinds[type(value)]}" if type(value) in kinds else ""

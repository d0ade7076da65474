"""A trial, the id that identifies its work in every sweep, and its outcome."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from stepsweep.contract import keys
from stepsweep.contract.reading import Fields
from stepsweep.contract.space import Value, as_option, plain, reads_as_json

MAX_SLUG = 60
"""Length of the slug. With 20 more digits an id stays far below the 128 characters of a Batch job's name."""

MAX_REASON = 300
"""Length of the reason why a trial did not succeed."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)

HASH_DIGITS = 20
"""80 bits: among a million trials two share an id with a probability of 4e-13."""


class Status(StrEnum):
    """How a trial ended. Every planned trial has exactly one."""

    SUCCEEDED = "SUCCEEDED"
    """Its metrics exist and are valid."""
    FAILED = "FAILED"
    """Its job failed and left no metrics."""
    MISSING = "MISSING"
    """It has no metrics, and no record of a failure."""
    INVALID = "INVALID"
    """Its metrics break the contract, or it diverged: they hold a number that is not finite."""


class Cause(StrEnum):
    """Why a trial has no value although nothing broke. The sweep decides by it; the reason is for people."""

    DIVERGED = "diverged"
    """Its metrics are as they should be, apart from an objective that is not finite. It is INVALID."""
    MEDIAN_RULE = "median_rule"
    """The median rule ended it. It is MISSING."""
    SEARCH_ENDED = "search_ended"
    """A rule stopped the search, and the trial with it. It is MISSING."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one trial ended.

    Attributes:
        reason: why it did not succeed, for people.
        cause: what the sweep itself makes of that; None if something failed, or nothing did.
    """

    trial_id: str
    status: Status
    reason: str = ""
    cause: Cause | None = None

    @property
    def is_failure(self) -> bool:
        """Whether the trial did not succeed, and the sweep did not end it itself."""
        was_ended = self.cause in (Cause.MEDIAN_RULE, Cause.SEARCH_ENDED)
        return self.status is not Status.SUCCEEDED and not was_ended

    @property
    def has_diverged(self) -> bool:
        return self.cause is Cause.DIVERGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One evaluation of one set of params.

    Attributes:
        trial_id: identifies the work; see `trial_id_of`.
        params: the chosen values, in the order of the sweep's parameters.
        options: all options on the trainer's command line, params first.
        epochs: the most epochs it trains.
        rung: how often it was promoted; 0 without halving.
        batch: the round that first planned its params; halving compares trials of one batch.
        round_number: the round that plans it for these epochs, and that records its outcome.
    """

    trial_id: str
    params: dict[str, Value]
    options: dict[str, Value]
    epochs: int
    rung: int = 0
    batch: int = 0
    round_number: int = 0

    @property
    def metrics_key(self) -> str:
        return keys.metrics_key(self.trial_id, self.epochs)

    @property
    def ended_key(self) -> str:
        return keys.ended_key(self.trial_id, self.epochs)

    @property
    def new_artifacts(self) -> str:
        """The prefix of its artifacts; the trial kit adds what tells them from those of another attempt."""
        return keys.new_artifacts_prefix(self.trial_id, self.epochs)

    @property
    def kept_artifacts(self) -> str:
        """The prefix of the copies that stay."""
        return keys.kept_artifacts_prefix(self.trial_id, self.epochs)

    @property
    def member(self) -> dict[str, Value]:
        """The options that distinguish it from the other trials of its params: the fold, if any, and the seed."""
        return {name: self.options[name] for name in ("fold", "seed") if name in self.options}

    def command(self) -> list[str]:
        """Returns the trainer's arguments. All are texts: a number in a Batch command would fail the whole Map."""
        return [word for name, value in self.options.items() for word in (f"--{name}", as_option(value))]

    @property
    def texts(self) -> list[str]:
        """The names of options whose texts look like other values on a command line: the text `1` like the number."""
        return [name for name, value in self.options.items() if isinstance(value, str) and reads_as_json(value)]

    def to_json(self) -> dict[str, Any]:
        return {
            "trial_id": self.trial_id,
            "params": {name: plain(value) for name, value in self.params.items()},
            "options": {name: plain(value) for name, value in self.options.items()},
            "epochs": self.epochs,
            "rung": self.rung,
            "batch": self.batch,
            "round_number": self.round_number,
        }

    @classmethod
    def from_json(cls, data: object, *, where: str = "trial") -> Self:
        """Reads what `to_json` wrote.

        Args:
            where: names the object in errors.

        Raises:
            InvalidDocument: a field is missing, unknown or of another type.
        """
        fields = Fields(data, where)
        trial = cls(
            trial_id=fields.matching("trial_id", _ID, "must be the id of a trial: letters, digits, - and _"),
            params=fields.values("params"),
            options=fields.values("options"),
            epochs=fields.count("epochs"),
            rung=fields.count("rung"),
            batch=fields.count("batch"),
            round_number=fields.count("round_number"),
        )
        fields.done()
        return trial


def trial_id_of(
    *,
    params: Mapping[str, Value],
    fixed: Mapping[str, Value],
    seed: int,
    trainer_version: str,
    fold: Mapping[str, int] | None = None,
    environment: Mapping[str, str] | None = None,
    salt: str = "",
) -> str:
    """Returns a readable id that covers everything that decides a trial's numbers.

    The id is a slug of the params and a SHA-256 of params, fixed options, seed, fold, environment and trainer version,
    in any order. Epochs are not part of it: more epochs continue the same training.

    Args:
        fold: `{"folds": 5, "fold": 0}`; None if the trainer splits its data itself.
        environment: the spec's variables (docs/decisions/017-environment-in-the-id.md).
        salt: makes the same work another trial, for `fresh`.
    """
    decides = {"params": params, "fixed": fixed, "seed": seed, "trainer": trainer_version, "salt": salt}
    if fold:
        decides["fold"] = fold
    if environment:
        decides["environment"] = environment
    text = json.dumps(decides, sort_keys=True, separators=(",", ":"), allow_nan=False)
    digest = hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
    slug = "-".join(f"{name}-{as_option(value)}" for name, value in sorted(params.items()))
    return f"{re.sub(r'[^A-Za-z0-9-]', '_', slug)[:MAX_SLUG]}-{digest}"


def one_line(text: str) -> str:
    """Returns a trainer's output as one printable line of at most `MAX_REASON` characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:MAX_REASON]

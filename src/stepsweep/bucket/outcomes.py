"""How jobs ended, as the state machine recorded it: an object for each trial, and the Map's own record of a round.

Step Functions writes the inputs and outputs of a Map's children into a few files, and a child's output is the outcome
that it recorded: so a round is read in as many requests as it has files, where it would take one a trial. The record
is a copy. Whatever is not in it, or cannot be read, is read from the trial's own object.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stepsweep.bucket.s3 import Bucket, Readable, from_json
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.trial import Trial

MAX_RECORD_BYTES = 256 * 2**20
"""Of a Map's record that are read, since a function has 1,769 MB. Only thousands of failures come near: what Step
Functions hands on of one, up to 32,768 characters, is in the record with its quotes escaped twice over."""


class Outcomes:
    """What was recorded of the trials of a round, and of those before it."""

    def __init__(
        self, bucket: Bucket, trials: Sequence[Trial], *, sweep: str, round_number: int, map_results: Any
    ) -> None:
        """Reads the Map's record, and finds out which of the other trials have an outcome.

        Args:
            map_results: what the Map returned; see `of_map`.
        """
        self._bucket = bucket
        self._sweep = sweep
        found = of_map(bucket, map_results)
        of_round = {self._key(trial): trial.trial_id for trial in trials if trial.round_number == round_number}
        self._of_map = {key: found[trial_id] for key, trial_id in of_round.items() if trial_id in found}
        # Trained by an earlier execution of this sweep, or by another sweep: of those there is no outcome here.
        others = of_round.keys() - self._of_map.keys()
        self._nowhere = others - bucket.present(others)

    def of(self, trial: Trial) -> "JobOutcome | Unreadable | None":
        """Returns what was recorded of a trial in the round that it was planned for last; None where nothing was."""
        key = self._key(trial)
        if key in self._of_map:
            return self._of_map[key]
        return None if key in self._nowhere else recorded(self._bucket, key)

    def _key(self, trial: Trial) -> str:
        return keys.outcome_key(self._sweep, trial.round_number, trial.trial_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record that is no outcome.

    Attributes:
        fault: names the object and what is wrong with it.
    """

    fault: str


def recorded(bucket: Readable, key: str) -> JobOutcome | Unreadable | None:
    """Returns the outcome at a key; None where there is none."""
    try:
        document = bucket.get_json(key)
        return None if document is None else JobOutcome.from_json(document, where=key)
    except ValueError as error:
        return Unreadable(fault=f"{key}: is not JSON ({error})")
    except InvalidDocument as error:
        return Unreadable(fault=str(error))


def of_map(bucket: Readable, map_results: Any) -> dict[str, JobOutcome]:
    """Returns the outcomes that the Map's record of a round holds, by trial.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html

    Args:
        map_results: what the Map returned, `{"ResultWriterDetails": {"Key": of the manifest}}`. Anything else where
            there is no record: there was nothing to train, or it could not be written.
    """
    outcomes: dict[str, JobOutcome] = {}
    left = MAX_RECORD_BYTES
    for key in _files(bucket, map_results):
        data = bucket.get(key, at_most=left + 1)
        if data is None or len(data) > left:
            continue
        left -= len(data)
        outcomes.update({outcome.trial_id: outcome for outcome in _outcomes(_document(data))})
    return outcomes


def _files(bucket: Readable, map_results: Any) -> list[str]:
    """Returns the keys of the files on the children that succeeded: all whose outcome could be recorded."""
    match map_results:
        case {"ResultWriterDetails": {"Key": str(manifest)}} if manifest:
            match _document(bucket.get(manifest)):
                case {"ResultFiles": {"SUCCEEDED": list(files)}}:
                    found = (file.get("Key") for file in files if isinstance(file, dict))
                    return [key for key in found if key and isinstance(key, str)]
    return []


def _outcomes(children: Any) -> Iterator[JobOutcome]:
    for child in children if isinstance(children, list) else ():
        match child:
            case {"Output": str(output)}:
                with contextlib.suppress(InvalidDocument):  # then the trial's own object is read
                    yield JobOutcome.from_json(_document(output), where="the Map's record")


def _document(text: str | bytes | None) -> Any:
    """Returns a JSON document; None where it is not there, cut off, or no JSON."""
    try:
        return None if text is None else from_json(text)
    except ValueError:
        return None

"""Reads the outcomes that the state machine recorded: one object per trial, and the Map's own record of a round.

Step Functions writes the outputs of a Map's children to a few files, and a child's output is its trial's outcome. So
reading a round takes one request per file instead of one per trial. The record is only a copy: if it lacks an outcome,
or is unreadable, the trial's own object has it.
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
"""Most bytes read of a Map's record, since a function has 1,769 MB. Only thousands of failures get near it: Step
Functions' cause of a failure, up to 32,768 characters, is in the record with its quotes escaped twice."""


class Outcomes:
    """The recorded outcomes of the trials of a round, and of earlier rounds."""

    def __init__(
        self, bucket: Bucket, trials: Sequence[Trial], *, sweep: str, round_number: int | None, map_results: Any
    ) -> None:
        """Reads the Map's record, and looks up which of the other trials have an outcome.

        Args:
            round_number: of the round that has just ended; None for a free-running search.
            map_results: the Map's output; see `of_map`.
        """
        self._bucket = bucket
        self._sweep = sweep
        found = of_map(bucket, map_results)
        of_round = {self._key(trial): trial.trial_id for trial in trials if trial.round_number == round_number}
        self._of_map = {key: found[trial_id] for key, trial_id in of_round.items() if trial_id in found}
        # Some were trained by an earlier execution of this sweep, or by another sweep, and have no outcome here.
        others = of_round.keys() - self._of_map.keys()
        self._nowhere = others - bucket.present(others)

    def of(self, trial: Trial) -> "JobOutcome | Unreadable | None":
        """Returns the outcome that a trial's latest round recorded; None if it recorded none."""
        key = self._key(trial)
        if key in self._of_map:
            return self._of_map[key]
        return None if key in self._nowhere else recorded(self._bucket, key)

    def _key(self, trial: Trial) -> str:
        return keys.outcome_key(self._sweep, trial.round_number, trial.trial_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record that is not a valid outcome.

    Attributes:
        fault: names the object and its fault.
    """

    fault: str


def recorded(bucket: Readable, key: str) -> JobOutcome | Unreadable | None:
    """Returns the outcome at a key; None if the object is missing."""
    try:
        document = bucket.get_json(key)
        return None if document is None else JobOutcome.from_json(document, where=key)
    except InvalidDocument as error:
        return Unreadable(fault=str(error))


def of_map(bucket: Readable, map_results: Any) -> dict[str, JobOutcome]:
    """Returns the outcomes in the Map's record of a round, by trial id.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html

    Args:
        map_results: the Map's output, `{"ResultWriterDetails": {"Key": <the manifest's key>}}`. Anything else means
            that there is no record: there was nothing to train, or the record could not be written.
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
    """Returns the keys of the files about succeeded children: those whose outcome could be recorded."""
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
                with contextlib.suppress(InvalidDocument):  # the trial's own object is read instead
                    yield JobOutcome.from_json(_document(output), where="the Map's record")


def _document(text: str | bytes | None) -> Any:
    """Returns a JSON document; None if it is missing, cut off or not JSON."""
    try:
        return None if text is None else from_json(text)
    except ValueError:
        return None

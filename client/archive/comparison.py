"""Compares two or more sweeps: winners, time and cost, params in common, and differences in the input."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stepsweep.client.archive.in_common import InCommon, gain_of, in_common
from stepsweep.client.archive.recorded import Archive
from stepsweep.contract.attempts import spent_seconds
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.objective import Objective
from stepsweep.contract.space import Value, canonical
from stepsweep.contract.spec import ABOUT_THE_RUN, SweepSpec
from stepsweep.contract.standing import Standing

NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One of the compared sweeps.

    Attributes:
        metric, direction: of the objective; those of several are separated by commas.
        value: the winner's value; None without a winner.
        front: with several objectives the number of trials on the first Pareto front; None with one.
        standard_error: of the value, if it is a mean of several trials.
        difference: by how much the value is better than the first sweep's, negative if worse; None for the first sweep,
            and if the values do not compare.
        ended: number of `planned` trials that have ended.
        succeeded: number of trials that did.
        epochs: epochs of all its trials, including those that another sweep trained.
        job_seconds: running time of its own jobs.
        usd: their estimated price; None on this machine.
        note: what a person has written about it.
    """

    sweep: str
    status: str
    metric: str
    direction: str
    params: Mapping[str, Value]
    value: float | None
    front: int | None
    standard_error: float | None
    difference: float | None
    planned: int
    ended: int
    succeeded: int
    epochs: int
    job_seconds: float
    usd: float | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field of the input that differs between sweeps; a value is None if a sweep lacks the field."""

    field: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The result of `sweep compare`.

    Attributes:
        not_comparable: why the values do not compare; empty if they do.
        caveats: what else to consider when comparing values.
        best: the sweep with the best value; None without a value, if they do not compare, or if the best are equal.
        differing_params: params that differ between the winners.
    """

    sweeps: Sequence[Compared]
    not_comparable: str
    caveats: Sequence[str]
    best: str | None
    differing_params: Sequence[str]
    in_common: Sequence[InCommon]
    asked: Sequence[Difference]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(archive: Archive, names: Sequence[str], *, running: Sequence[str], is_on_aws: bool) -> Comparison:
    """Reads sweeps and compares them.

    Args:
        running: ARNs of all running executions.
        is_on_aws: whether the jobs cost money.

    Raises:
        InvalidInput: there are fewer than two names, a name occurs twice, or a sweep does not exist; lists all faults.
    """
    faults = [] if len(names) > 1 else ["a comparison needs two sweeps or more"]
    faults += [f"the sweep {name} is named twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    standings = []
    for name in dict.fromkeys(names):
        try:
            standings.append(archive.standing(name, running))
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(faults)
    seconds = [_job_seconds(archive, standing) for standing in standings]
    notes = [archive.note(standing.spec.name).text for standing in standings]
    return comparison(standings, seconds, notes, is_on_aws=is_on_aws)


def comparison(
    standings: Sequence[Standing], job_seconds: Sequence[float], notes: Sequence[str], *, is_on_aws: bool
) -> Comparison:
    """Compares sweeps from their records; `job_seconds` and `notes` have one entry per sweep."""
    specs = [standing.spec for standing in standings]
    not_comparable = _not_comparable(specs)
    objective = None if not_comparable else specs[0].objective
    winners = [standing.winner for standing in standings]
    first = winners[0]
    return Comparison(
        sweeps=[
            _compared(
                standing,
                seconds,
                note,
                winner,
                first if winner is not first else None,
                objective,
                is_on_aws=is_on_aws,
            )
            for standing, seconds, note, winner in zip(standings, job_seconds, notes, winners, strict=True)
        ],
        not_comparable=not_comparable,
        caveats=_caveats(standings),
        best=_best(standings, winners, objective),
        differing_params=_differing([winner.params for winner in winners if winner]),
        in_common=[in_common(one, other, objective) for one, other in itertools.combinations(standings, 2)],
        asked=_asked(specs),
    )


def _job_seconds(archive: Archive, standing: Standing) -> float:
    if standing.output:
        return standing.output.cost.job_seconds
    return spent_seconds(archive.outcomes(standing.spec.name).values())


def _compared(
    standing: Standing,
    seconds: float,
    note: str,
    winner: Row | None,
    first: Row | None,
    objective: Objective | None,
    *,
    is_on_aws: bool,
) -> Compared:
    spec = standing.spec
    return Compared(
        sweep=spec.name,
        status=standing.status,
        metric=", ".join(each.metric for each in spec.objectives),
        direction=", ".join(each.direction.value for each in spec.objectives),
        params=winner.params if winner else {},
        value=winner.value if winner else None,
        front=len(standing.front) if spec.has_front else None,
        standard_error=winner.standard_error if winner else None,
        difference=gain_of(first, winner, objective),
        planned=standing.planned,
        ended=standing.ended,
        succeeded=sum(row.succeeded for row in standing.rows),
        epochs=standing.epochs,
        job_seconds=seconds,
        usd=standing.output.cost.usd_estimate if standing.output and is_on_aws else None,
        note=note,
    )


def _not_comparable(specs: Sequence[SweepSpec]) -> str:
    if several := [spec.name for spec in specs if spec.has_front]:
        which = f"{', '.join(several)} {'has' if len(several) == 1 else 'have'}"
        return f"{which} several objectives, and so a Pareto front instead of a winner"
    if len({spec.objective for spec in specs}) == 1:
        return ""
    said = ", ".join(f"{spec.name} has {spec.objective.metric} ({spec.objective.direction.value})" for spec in specs)
    return f"the objectives differ: {said}"


def _caveats(standings: Sequence[Standing]) -> list[str]:
    specs = [standing.spec for standing in standings]
    found = []
    if len(fixed := _differing([spec.fixed for spec in specs])) > 0:
        found.append(
            f"the fixed options differ ({', '.join(fixed)}), so the values may be of another data set or model"
        )
    if len({(spec.folds, spec.repeats) for spec in specs}) > 1:
        found.append("some values are means of several trials, others of one trial or of another number")
    epochs = {each.spec.name: each.spec.rungs[each.winner.rung] for each in standings if each.winner}
    if len(set(epochs.values())) > 1:
        which = ", ".join(f"{name} for {number:,}" for name, number in epochs.items())
        found.append(
            f"the winners were trained for different numbers of epochs ({which}), which alone can make a difference"
        )
    for standing in standings:
        if standing.status == "RUNNING":
            found.append(f"{standing.spec.name} still runs: its {_head(standing)} so far")
        elif standing.status == "INTERRUPTED":
            found.append(f"{standing.spec.name} was interrupted: its {_head(standing)} of its finished trials")
        elif standing.output and (why := standing.output.fewer_epochs):
            found.append(f"{standing.spec.name}: {why.removesuffix('.')}")
    return found


def _head(standing: Standing) -> str:
    return "front is that" if standing.spec.has_front else "winner is the best"


def _best(standings: Sequence[Standing], winners: Sequence[Row | None], objective: Objective | None) -> str | None:
    if objective is None:
        return None
    found = [
        (objective.rank(winner.value), standing.spec.name)
        for standing, winner in zip(standings, winners, strict=True)
        if winner is not None and winner.value is not None
    ]
    first = min(found, default=None)
    return first[1] if first and [rank for rank, _ in found].count(first[0]) == 1 else None


def _differing(all_params: Sequence[Mapping[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for params in all_params for name in params)
    return [name for name in names if len({canonical(params.get(name)) for params in all_params}) > 1]


def _asked(specs: Sequence[SweepSpec]) -> list[Difference]:
    """Returns the fields that differ, with nested names such as `parameters.lr`."""
    flat = [_flat(spec.to_json()) for spec in specs]
    fields = dict.fromkeys(field for each in flat for field in each if field not in (NAME, *ABOUT_THE_RUN))
    values = {field: [each.get(field) for each in flat] for field in fields}
    return [
        Difference(field=field, values={spec.name: value for spec, value in zip(specs, found, strict=True)})
        for field, found in values.items()
        if any(value != found[0] for value in found)
    ]


def _flat(document: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        if name in ("parameters", "fixed", "objective") and isinstance(value, dict):
            found |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found

"""Parses how a sweep searches: its method, its rounds, what it knows of earlier sweeps, halving, and when it stops."""

from typing import Any

from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.given import Given
from stepsweep.contract.halving import DEFAULT_FACTOR, Halving, default_min_epochs
from stepsweep.contract.known import Known
from stepsweep.contract.limits import MAX_FACTOR, MAX_TRIALS
from stepsweep.contract.median import MIN_TRIALS, MedianRule
from stepsweep.contract.names import is_sweep
from stepsweep.contract.search import DEFAULT_BATCH, Method, Search
from stepsweep.contract.space import shown
from stepsweep.contract.stop import Running, Stop


def search_in(given: Given, *, rounds: bool, listed: int) -> Search:
    """Returns the search; `listed` is the number of params in a list by hand."""
    raw = given.data.get("search", "grid")
    if not isinstance(raw, dict):
        if raw != "grid":
            example = '{"method": "random", "trials": 50}'
            if raw == Method.LIST:
                example = '{"method": "list", "trials": [{"lr": 0.1}]}'
            given.faults.append(f'search: must be "grid" or an object such as {example}, got {shown(raw)}')
        return Search()
    given.unknown(raw, known=("method", "trials", "batch"), where="search.")
    if (method := raw.get("method")) not in tuple(Method):
        known = ", ".join(f'"{name}"' for name in Method)
        if "method" in raw:
            given.faults.append(f"search.method: must be one of {known}, got {shown(method)}")
        elif "search.method" not in given.meant:
            given.faults.append(f"search.method: missing; write one of {known} (--search random)")
        return Search()
    if method == Method.LIST:
        if "batch" in raw:
            given.faults.append('search.batch: only with "tpe", which learns from one batch for the next')
        return Search(method=Method.LIST, trials=listed)
    if method == Method.GRID:
        if more := [name for name in ("trials", "batch") if name in raw]:
            given.faults.append(f"search.{more[0]}: a grid tries every combination; leave it out")
        return Search()
    if "trials" not in raw and "search.trials" not in given.meant:
        given.faults.append(f"search.trials: missing; write how many params to try, 1 to {MAX_TRIALS}")
    trials = given.whole("search.trials", raw.get("trials", 1), default=1, low=1, high=MAX_TRIALS)
    if method == Method.RANDOM:
        if "batch" in raw:
            given.faults.append('search.batch: only with "tpe", which learns from one batch for the next')
        return Search(method=Method.RANDOM, trials=trials)
    if not rounds:
        if raw.get("batch") is not None:
            given.faults.append("search.batch: only for a search in rounds; leave it out, or write rounds true")
        return Search(method=Method.TPE, trials=trials)
    batch = given.whole("search.batch", raw.get("batch", DEFAULT_BATCH), default=1, low=1, high=MAX_TRIALS)
    return Search(method=Method.TPE, trials=trials, batch=batch)


def has_method(given: Given) -> bool:
    """Whether the input names a method. Otherwise that is its fault, and what a grid cannot do is none."""
    match given.data.get("search", "grid"):
        case {"method": method}:
            return method in tuple(Method)
        case "grid":
            return True
    return False


def rounds_in(given: Given) -> bool:
    """Returns whether the search goes in rounds.

    By default a model's search does so only with a batch, and any other one unless it has rules to stop early.
    """
    raw = given.data.get("rounds")
    if raw is not None:
        return given.boolean("rounds", raw)
    match given.data.get("search"):
        case {"method": Method.TPE.value, **more}:
            return more.get("batch") is not None
    return not given.data.get("stop")


def known_in(given: Given, search: Search, name: str) -> dict[str, Any]:
    """Returns the earlier sweeps whose outcomes a model is told, and these outcomes."""
    raw = given.data.get("warm_start") or []
    if not isinstance(raw, list) or not all(is_sweep(each) for each in raw):
        given.faults.append(f'warm_start: must be a list of names of sweeps such as ["first"], got {shown(raw)}')
        raw = []
    if raw and not search.learns and has_method(given):
        example = '"search": {"method": "tpe", "trials": 50}'
        given.faults.append(f"warm_start: only a model learns from other sweeps; write {example}")
    if len(set(raw)) < len(raw) or name in raw:
        given.faults.append(f"warm_start: must name other sweeps, each once, got {shown(raw)}")
    known = given.data.get("known") or []
    if not isinstance(known, list):
        given.faults.append(f"known: must be the list that the planner recorded, got {shown(known)}")
        known = []
    found = []
    for number, each in enumerate(known):
        try:
            found.append(Known.from_json(each, where=f"known[{number}]"))
        except InvalidDocument as error:
            given.faults.append(str(error))
    return {"warm_start": tuple(raw), "known": tuple(found)}


def halving_in(given: Given, epochs: int) -> Halving | None:
    raw = given.data.get("halving")
    if raw is None:
        return None
    if not isinstance(raw, dict):
        example = '{"min_epochs": 3, "factor": 3}'
        given.faults.append(f"halving: must be an object such as {example}, got {shown(raw)}")
        return None
    given.unknown(raw, known=("min_epochs", "factor"), where="halving.")
    factor = given.whole(
        "halving.factor", raw.get("factor", DEFAULT_FACTOR), default=DEFAULT_FACTOR, low=2, high=MAX_FACTOR
    )
    least = raw.get("min_epochs", default_min_epochs(epochs))
    return Halving(min_epochs=given.whole("halving.min_epochs", least, default=1, low=1, high=epochs), factor=factor)


def stop_in(given: Given, epochs: int, *, rounds: bool) -> Stop:
    raw = given.data.get("stop")
    if raw is None:
        return Stop()
    example = '{"metric_reached": 0.99, "max_hours": 8, "max_trials_without_improvement": 30, "running": "end"}'
    if not isinstance(raw, dict):
        given.faults.append(f"stop: must be an object such as {example}, got {shown(raw)}")
        return Stop()
    given.unknown(raw, known=tuple(Stop.__dataclass_fields__), where="stop.")
    of_search = raw.keys() - {"median"}  # the other rules end the search, and this one single trials
    if rounds and raw.get("running") is not None:
        given.faults.append("stop.running: between rounds no trial runs; leave it out")
    if of_search and rounds and not _has_later_rounds(given):
        given.faults.append(
            "stop: all trials are in one round, so none is left when the rules are looked at; leave rounds out, or "
            "write false: the search then runs freely"
        )
    if of_search == {"running"} and given.data.get("budget_usd") is None:
        given.faults.append(f"stop: has no rule; write one such as {example}")
    patience = raw.get("max_trials_without_improvement")
    return Stop(
        metric_reached=given.number("stop.metric_reached", raw.get("metric_reached")),
        max_hours=given.number("stop.max_hours", raw.get("max_hours"), above=0),
        max_trials_without_improvement=None
        if patience is None
        else given.whole("stop.max_trials_without_improvement", patience, default=None, low=1, high=MAX_TRIALS),
        median=_median(given, raw.get("median"), epochs, rounds=rounds),
        running=_running(given, raw.get("running")),
    )


def _has_later_rounds(given: Given) -> bool:
    search = given.data.get("search")
    if not has_method(given):
        return True  # for all that is known
    return given.data.get("halving") is not None or (isinstance(search, dict) and search.get("method") == Method.TPE)


def _median(given: Given, raw: object, epochs: int, *, rounds: bool) -> MedianRule | None:
    if raw is None:
        return None
    where = "stop.median"
    if not isinstance(raw, dict):
        example = '{"min_epochs": 3, "min_trials": 5}'
        given.faults.append(f"{where}: must be an object such as {example}, or {{}}, got {shown(raw)}")
        return None
    given.unknown(raw, known=tuple(MedianRule.__dataclass_fields__), where=f"{where}.")
    if rounds:
        given.faults.append(
            f"{where}: only for a free-running search, since trials of a round start before any has completed; "
            "leave search.batch and rounds out, or write rounds false"
        )
    if given.data.get("halving") is not None:
        given.faults.append(f"{where}: halving trains the worse trials less already; leave one of the two out")
    for name, one in (("folds", None), ("repeats", 1)):
        if given.data.get(name) not in (None, one):
            given.faults.append(
                f"{where}: with {name}, one trial that is ended would take the mean from all of its params; leave "
                "one of the two out"
            )
    if epochs < 2:
        given.faults.append(f"{where}: a trial of one epoch cannot be ended earlier; leave it out")
        return None
    least = raw.get("min_epochs", default_min_epochs(epochs))
    return MedianRule(
        min_epochs=given.whole(f"{where}.min_epochs", least, default=1, low=1, high=epochs - 1),
        min_trials=given.whole(
            f"{where}.min_trials", raw.get("min_trials", MIN_TRIALS), default=MIN_TRIALS, low=1, high=MAX_TRIALS
        ),
    )


def _running(given: Given, raw: object) -> Running:
    if raw is None:
        return Running.FINISH
    if isinstance(raw, str) and raw in tuple(Running):
        return Running(raw)
    known = " or ".join(f'"{name}"' for name in Running)
    given.faults.append(f"stop.running: must be {known}, got {shown(raw)}")
    return Running.FINISH

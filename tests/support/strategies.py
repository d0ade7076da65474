"""Values for Hypothesis: any JSON, values that a parameter may have, and specs that a person may ask for."""

from typing import Any

from hypothesis import strategies as st

from stepsweep.contract.names import OPTION, why_reserved
from stepsweep.contract.numbers import readable_as_number
from stepsweep.contract.space import canonical, parse_value

any_text = st.text(st.characters())  # lone surrogates too, which JSON can carry and UTF-8 cannot

any_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)

option_names = st.from_regex(OPTION, fullmatch=True).filter(lambda name: why_reserved(name) is None)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
texts = (
    st.from_regex(r"[A-Za-z0-9/=][A-Za-z0-9_.:/@+, '\"<>$&\[\]{}ü-]{0,63}", fullmatch=True)
    .map(str.strip)
    .filter(lambda text: not readable_as_number(text) and text.isprintable())
)
scalars: st.SearchStrategy[Any] = numbers | texts | st.booleans() | st.none()
values: st.SearchStrategy[Any] = scalars | st.lists(scalars, max_size=3)

choices: st.SearchStrategy[list[Any]] = st.lists(
    values, min_size=1, max_size=3, unique_by=lambda raw: canonical(parse_value(raw))
)


bounds = st.integers(-1000, 1000) | st.floats(-1e6, 1e6)


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, Any]:
    """Ranges that keep every rule."""
    low, high = sorted([draw(bounds), draw(bounds)])
    match draw(st.sampled_from(["linear", "log", "step", "int", "log int"])):
        case "log":
            return {"low": abs(low) + 1e-6, "high": abs(low) + abs(high) + 1e-3, "log": True, "type": "float"}
        case "step":
            return {"low": low, "high": high, "step": draw(st.sampled_from([1, 0.1, 7])), "type": "float"}
        case "int":
            return {"low": int(low), "high": int(high), "type": "int"}
        case "log int":
            return {"low": 1 + abs(int(low)), "high": 1 + abs(int(low)) + abs(int(high)), "log": True, "type": "int"}
        case _:
            return {"low": low, "high": high, "type": "float"}


@st.composite
def searches(draw: st.DrawFn) -> dict[str, Any]:
    """What is beside the choices of an input: how to search, with at most 60 trials."""
    optional: dict[str, st.SearchStrategy[Any]] = {
        "halving": st.none() | st.fixed_dictionaries({}, optional={"factor": st.integers(2, 100)}),
        "folds": st.none() | st.integers(2, 5),
        "repeats": st.integers(1, 3),
    }
    return draw(st.fixed_dictionaries({}, optional=optional))


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Inputs that keep every rule, with any of the optional fields."""
    parameters = draw(st.dictionaries(option_names, choices, min_size=1, max_size=3))
    optional = {
        "fixed": st.dictionaries(option_names.filter(lambda name: name not in parameters), values, max_size=2),
        "objective": st.fixed_dictionaries(
            {"metric": st.sampled_from(["val_loss", "f1"]), "direction": st.sampled_from(["maximize", "minimize"])}
        ),
        "seed": st.integers(0, 2**32 - 3),  # each of three repeats has one of its own
        "max_concurrency": st.none() | st.integers(1, 10_000),
        "priority": st.sampled_from(["high", "normal", "low"]),
        "fresh": st.booleans(),
        "environment": st.dictionaries(
            st.sampled_from(["A", "OMP_NUM_THREADS"]), st.integers(0, 64) | st.sampled_from(["x", "a b"])
        ),
        "search": st.just("grid") | st.just({"method": "random", "trials": 1}),
        "Comment": any_json,
    }
    return {
        "parameters": parameters,
        "epochs": draw(st.integers(1, 100_000)),
        "name": draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", fullmatch=True)),
        **draw(searches()),
        **draw(st.fixed_dictionaries({}, optional=optional)),
    }


@st.composite
def mutated_documents(draw: st.DrawFn) -> Any:
    """Valid inputs with one place, at any depth, replaced by any JSON, renamed or taken away."""
    document = draw(documents())
    at: Any = document
    while True:
        key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if isinstance(at[key], dict | list) and at[key] and draw(st.booleans()):
            at = at[key]
            continue
        match draw(st.sampled_from(["replace", "rename", "remove"])):
            case "rename" if isinstance(at, dict):
                at[draw(any_text)] = at.pop(key)
            case "remove":
                del at[key]
            case _:
                at[key] = draw(any_json)
        return document

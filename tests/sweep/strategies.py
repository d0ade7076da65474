"""Values for Hypothesis: any JSON, values that a parameter may have, and specs that a person may ask for."""

from typing import Any

from hypothesis import strategies as st

from sweep.spec import RESERVED

any_text = st.text(st.characters())  # lone surrogates too, which JSON can carry and UTF-8 cannot

any_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)

option_names = st.from_regex(r"[a-z][a-z0-9_]{0,63}", fullmatch=True).filter(
    lambda name: name.replace("_", "") not in RESERVED
)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,63}", fullmatch=True)
values = numbers | texts

choices: st.SearchStrategy[list[Any]] = st.lists(numbers, min_size=1, max_size=3, unique=True) | st.lists(
    texts, min_size=1, max_size=3, unique=True
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Inputs that keep every rule, with any of the optional fields."""
    parameters = draw(st.dictionaries(option_names, choices, min_size=1, max_size=3))
    optional = {
        "fixed": st.dictionaries(option_names.filter(lambda name: name not in parameters), values, max_size=2),
        "objective": st.fixed_dictionaries(
            {"metric": st.sampled_from(["val_loss", "f1"]), "direction": st.sampled_from(["maximize", "minimize"])}
        ),
        "seed": st.integers(0, 2**32 - 1),
        "max_concurrency": st.none() | st.integers(1, 10_000),
        "fresh": st.booleans(),
        "search": st.just("grid"),
        "Comment": any_json,
    }
    return {
        "parameters": parameters,
        "epochs": draw(st.integers(1, 100_000)),
        "name": draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", fullmatch=True)),
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

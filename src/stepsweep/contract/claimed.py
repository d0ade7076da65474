"""A sweep's name means one input: what refuses a name that an earlier sweep has."""

import json
from dataclasses import replace

from stepsweep.contract import keys
from stepsweep.contract.space import shown
from stepsweep.contract.spec import ABOUT_THE_RUN, SweepSpec

MAX_DIFFERENCE = 200
"""Characters of an earlier value in an error."""


def fault_of_name(spec: SweepSpec, earlier: SweepSpec | None) -> str | None:
    """Returns why a sweep cannot have its name, which another one has; None if that asked for the same.

    Args:
        earlier: the spec that has the name; None if it cannot be read.
    """
    remedy = "choose another name, trials that are finished are not repeated"
    if earlier is None:
        difference = f"its {keys.spec_key(spec.name)} cannot be read"
    elif spec.same_work(earlier):
        return None
    else:
        difference = _first_difference(spec, earlier)
        if spec.same_work(replace(earlier, rounds=spec.rounds)):  # whose default follows from `stop`, which may differ
            option = "--rounds" if earlier.rounds else "--no-rounds"
            remedy = f"to go on with it, write rounds {shown(earlier.rounds)} ({option}); or {remedy}"
    return f"name: the sweep {shown(spec.name)} is there already and asked for something else ({difference}); {remedy}"


def _first_difference(spec: SweepSpec, earlier: SweepSpec) -> str:
    then, now = earlier.to_json(), spec.to_json()
    # Those of the earlier one, which has `objective` where this one may have `objectives`, or the other way round.
    differ = (name for name in then if name not in now or json.dumps(now[name]) != json.dumps(then[name]))
    name = next(name for name in differ if name not in ABOUT_THE_RUN)
    return f"its field {name} was {shown(then[name], MAX_DIFFERENCE)}"

"""What the reducer writes is what the client reads."""

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from stepsweep.contract import ranking
from stepsweep.contract.leaderboard import rows_of
from stepsweep.contract.leaderboard_csv import leaderboard_csv
from stepsweep.contract.objective import Objective
from stepsweep.contract.results import Group, Result
from stepsweep.contract.space import parse_value
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Outcome, Status, Trial

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
# A trial has the values that a spec's parser returns: 0.0 is 0 there.
VALUES = NUMBERS.map(parse_value) | st.sampled_from(["a", "b:c"])
# The reducer leaves no control characters in a reason; a quote in front of a formula is the CSV's own.
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])).filter(lambda text: text[:1] != "'")
REASONS = TEXTS | TEXTS.map("=1+{}".format) | TEXTS.map("-{}".format) | TEXTS.map("@{}".format)


@st.composite
def groups(draw: st.DrawFn) -> list[Group]:
    names = draw(st.lists(st.sampled_from(["lr", "momentum", "rank", "status"]), min_size=1, unique=True))
    found = []
    for number in range(draw(st.integers(1, 6))):
        trial_id = f"trial-{number}"
        trial = Trial(
            trial_id=trial_id, params={**{name: draw(VALUES) for name in names}, "n": number}, options={}, epochs=9
        )
        if draw(st.booleans()):
            value = draw(st.floats(allow_nan=False, allow_infinity=False))
            outcome = Outcome(trial_id=trial_id, status=Status.SUCCEEDED)
            result = Result(
                trial=trial,
                outcome=outcome,
                value=value,
                epoch=2,
                best=value,
                last=draw(st.none() | st.floats(allow_nan=False, allow_infinity=False)),
                epochs_trained=9,
            )
        else:
            outcome = Outcome(trial_id=trial_id, status=Status.FAILED, reason=draw(REASONS))
            result = Result(trial=trial, outcome=outcome)
        found.append(Group(results=(result,)))
    return found


@given(groups())
def test_rows_are_the_leaderboard_s(found: list[Group]) -> None:
    """The client reads results.json; people read leaderboard.csv. Both say the same of each trial."""
    results = [
        Result.from_json(json.loads(json.dumps(result.to_json()))) for group in found for result in group.results
    ]
    spec = SweepSpec(parameters=dict.fromkeys(found[0].trial.params, ("a",)), name="s", epochs=9)
    rows = rows_of(results, spec)
    text = leaderboard_csv(ranking.ranked(found, [Objective()]), [Objective()], list(found[0].params)).decode()
    lines = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert len(lines) == len(rows)
    for row, line in zip(rows, lines, strict=True):
        trial = next(group.trial for group in found if group.trial.trial_id == row.trial_id)
        assert row.params == trial.params
        assert line[:2] == ["" if row.rank is None else str(row.rank), row.trial_id]
        assert line[2 : 2 + len(row.params)] == list(row.texts.values())
        numbers = (row.value, row.epoch, row.best, row.last, row.epochs_trained)
        assert line[2 + len(row.params) :][:5] == ["" if number is None else repr(number) for number in numbers]
        assert line[-2] == row.status
        assert line[-1].removeprefix("'") == row.reason

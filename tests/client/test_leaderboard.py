"""What the reducer writes is what the client reads."""

from hypothesis import given
from hypothesis import strategies as st

from stepsweep.client.archive.leaderboard import Row, rows_of
from stepsweep.contract import ranking
from stepsweep.contract.metrics import Objective
from stepsweep.contract.ranking import Group, Result
from stepsweep.contract.trial import Outcome, Status, Trial

VALUES = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["a", "b:c"])
# The reducer leaves no control characters in a reason; a quote in front of a formula is the CSV's own.
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])).filter(lambda text: text[:1] != "'")
REASONS = TEXTS | TEXTS.map("=1+{}".format) | TEXTS.map("-{}".format) | TEXTS.map("@{}".format)


@st.composite
def groups(draw: st.DrawFn) -> list[Group]:
    names = draw(st.lists(st.sampled_from(["lr", "momentum", "rank", "status"]), min_size=1, unique=True))
    found = []
    for number in range(draw(st.integers(1, 6))):
        trial_id = f"trial-{number}"
        trial = Trial(trial_id=trial_id, params={name: draw(VALUES) for name in names}, options={}, epochs=9)
        if draw(st.booleans()):
            value = draw(st.floats(allow_nan=False, allow_infinity=False))
            outcome = Outcome(trial_id=trial_id, status=Status.SUCCEEDED)
            result = Result(trial=trial, outcome=outcome, value=value, epoch=2, epochs_trained=9)
        else:
            outcome = Outcome(trial_id=trial_id, status=Status.FAILED, reason=draw(REASONS))
            result = Result(trial=trial, outcome=outcome)
        found.append(Group(results=(result,)))
    return found


@given(groups())
def test_rows_are_the_leaderboard_s(found: list[Group]) -> None:
    leaderboard = ranking.rank(found, Objective())
    rows = rows_of(ranking.leaderboard_csv(leaderboard, Objective()))
    assert rows == [Row.of(group, place) for place, group in enumerate(leaderboard, start=1)]

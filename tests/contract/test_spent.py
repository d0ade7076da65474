"""What the jobs of a sweep have taken, on which its budget decides."""

import re

import pytest

from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.spent import Spent


def test_jobs_add_up() -> None:
    spent = Spent().with_job(60.0, 3, is_whole=True).with_job(90.0, 3, is_whole=True).with_starts(2).with_starts(1)
    assert spent == Spent(job_seconds=150.0, epochs=6, jobs=2, starts=3, slowest=30.0)


def test_further_jobs_may_be_as_slow_as_the_slowest_so_far() -> None:
    spent = Spent().with_job(90.0, 3, is_whole=True).with_job(30.0, 3, is_whole=True)
    assert (spent.slowest, spent.pace) == (30.0, 30.0)
    assert Spent().pace is None


def test_a_job_that_stopped_early_or_trained_nothing_says_nothing_of_the_slowest() -> None:
    spent = Spent().with_job(90.0, 3, is_whole=True).with_job(500.0, 1, is_whole=False).with_job(5.0, 0, is_whole=True)
    assert (spent.slowest, spent.jobs, spent.job_seconds, spent.epochs) == (30.0, 3, 595.0, 4)
    assert spent.pace == 148.75, "but for their mean"


@pytest.mark.parametrize("wrong", ["at_once", "per_machine"])
def test_a_fleet_without_machines_is_refused(wrong: str) -> None:
    document = {**Fleet(usd_per_hour=1.0, at_once=2, per_machine=3).to_json(), wrong: 0}
    with pytest.raises(InvalidDocument, match=re.escape("here: at_once and per_machine must be 1 or more")):
        Fleet.from_json(document, where="here")

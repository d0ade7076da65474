"""The bill in advance: everything that a machine costs, and which choices change it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsweep.contract import assumed
from stepsweep.contract.assumed import Span
from stepsweep.contract.bill import Bill, bill_of, cheapest_and_fastest, other_way
from stepsweep.contract.cost import job_seconds, moment
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.means import Capacity, StackJob
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.spent import Spent

PACE = Span(6, 6)
SIXTEEN = Fleet(usd_per_hour=0.526, at_once=16)
OVERHEAD = assumed.BOOT_SECONDS + assumed.PULL_SECONDS + assumed.IDLE_SECONDS


def spec_of(trials: int = 9, **fields: Any) -> SweepSpec:
    return SweepSpec.from_json({"parameters": {"lr": list(range(1, trials + 1))}, "epochs": 100, "name": "s", **fields})


def test_the_tutorial_s_nine_trials_cost_more_than_their_training() -> None:
    bill = bill_of(spec_of(), SIXTEEN, PACE)
    assert bill.jobs_usd.low == pytest.approx(9 * 600 / 3600 * SIXTEEN.usd.low)
    waits = (OVERHEAD + assumed.START_SECONDS) * 9
    assert bill.usd.low == pytest.approx((9 * 600 + waits.low) / 3600 * SIXTEEN.usd.low + 9 * 0.0002)
    assert bill.usd.high == pytest.approx((9 * 600 + waits.high) / 3600 * SIXTEEN.usd.high + 9 * 0.002)
    assert (bill.hours.low, bill.hours.high) == pytest.approx(
        ((600 + 120 + 60 + 2 + 5) / 3600, (600 + 360 + 240 + 60 + 90) / 3600)
    )
    assert bill.machines == 9


def test_an_hour_has_a_disk_and_an_address() -> None:
    assert SIXTEEN.usd.low == pytest.approx(0.526 + 100 * 0.08 / 730 + 0.005)
    shared = replace(SIXTEEN, usd_per_hour=0.1315, per_machine=4)
    assert shared.usd.low == pytest.approx((0.526 + 100 * 0.08 / 730 + 0.005) / 4), "of a fourth of a machine"


def test_one_trial_on_a_machine_for_four_pays_all_of_it() -> None:
    four = Fleet(usd_per_hour=0.25, at_once=16, per_machine=4)
    alone = bill_of(spec_of(1), four, PACE).usd.high
    whole = bill_of(spec_of(1), Fleet(usd_per_hour=1.0, at_once=4), PACE).usd.high
    assert alone == pytest.approx(whole, rel=0.03), "but for the wait of one job"


def test_machines_boot_again_in_every_round_and_once_in_a_free_running_search() -> None:
    spec = spec_of(search={"method": "tpe", "trials": 9, "batch": 3}, parameters={"lr": {"low": 0.1, "high": 0.9}})
    rounds, free = bill_of(spec, SIXTEEN, PACE), bill_of(other_way(spec), SIXTEEN, PACE)
    boots = 3 * (assumed.BOOT_SECONDS.high + assumed.PULL_SECONDS.high) / 3600
    assert rounds.hours.high > boots + 3 * 600 / 3600
    assert free.hours.high < rounds.hours.high
    assert other_way(other_way(spec)).rounds


def test_spot_may_take_longer_and_cost_more_at_the_same_price() -> None:
    spot = replace(SIXTEEN, capacity=Capacity.SPOT)
    asked, lost = bill_of(spec_of(), SIXTEEN, PACE), bill_of(spec_of(), spot, PACE)
    assert (lost.usd.low, lost.hours.low) == (asked.usd.low, asked.hours.low)
    assert lost.usd.high > asked.usd.high
    assert lost.hours.high > asked.hours.high


def test_a_larger_trial_gets_fewer_and_dearer_machines() -> None:
    spec = spec_of(resources={"vcpus": 8})
    fleet = Fleet.of(spec, StackJob(), usd_per_hour=0.5)
    assert (fleet.usd_per_hour, fleet.at_once, fleet.per_machine) == (1.0, 8, 1)
    small = StackJob(vcpus=1, memory_mib=3000, gpus=0, per_machine=4, capacity=Capacity.SPOT_FIRST)
    fleet = Fleet.of(spec_of(max_concurrency=10), small, usd_per_hour=0.125)
    assert (fleet.at_once, fleet.per_machine, fleet.machines(9), fleet.machines(99)) == (10, 4, 3, 3)
    assert Fleet.of(spec_of(), small, usd_per_hour=0.125).at_once == 128, "on Spot and on demand"
    assert Fleet.from_json(fleet.to_json(), where="here") == fleet


def test_one_machine_is_cheapest_and_the_fewest_with_one_wave_are_fastest() -> None:
    (few, cheap), (many, fast) = cheapest_and_fastest(spec_of(40), SIXTEEN, PACE)
    assert few == 1
    assert many == 14, "40 trials take three waves on 14 to 16 machines"
    assert cheap.usd.high < fast.usd.high
    assert cheap.hours.high > fast.hours.high


@given(st.data())
def test_the_ends_are_in_order_and_more_machines_cost_no_less(data: st.DataObject) -> None:
    fields: dict[str, Any] = {"rounds": data.draw(st.booleans(), "rounds")}
    if data.draw(st.booleans(), "halving"):
        fields["halving"] = {"min_epochs": data.draw(st.integers(1, 99)), "factor": data.draw(st.integers(2, 4))}
    spec = spec_of(data.draw(st.integers(1, 60), "trials"), **fields)
    low = data.draw(st.floats(0.1, 100))
    pace = Span(low, low * data.draw(st.floats(1, 5)))
    kind = data.draw(st.sampled_from(Capacity))
    bills = [
        bill_of(spec, Fleet(usd_per_hour=1.0, at_once=number, capacity=kind), pace)
        for number in sorted(data.draw(st.sets(st.integers(1, 80), min_size=2)))
    ]
    for bill in bills:
        assert 0 < bill.jobs_usd.low <= bill.usd.low <= bill.usd.high
        assert 0 < bill.hours.low <= bill.hours.high
    assert [bill.usd.high for bill in bills] == sorted(bill.usd.high for bill in bills)
    assert [bill.hours.low for bill in bills] == sorted((bill.hours.low for bill in bills), reverse=True)


def test_a_sweep_whose_trials_are_finished_costs_nothing() -> None:
    assert bill_of(spec_of(), SIXTEEN, PACE, finished=9) == Bill()


def test_a_trial_that_takes_all_of_the_stack_runs_alone_whatever_capacity_that_is() -> None:
    job = StackJob(vcpus=4, max_vcpus=16, capacity=Capacity.SPOT)
    fleet = Fleet.of(spec_of(resources={"vcpus": 16}), job, usd_per_hour=1.0)
    assert (fleet.at_once, fleet.machines(9), fleet.usd_per_hour) == (1, 1, 4.0)
    assert fleet.stretch.high > 1, "Spot's losses are in the bill"


@pytest.mark.parametrize(
    "attempts",
    [None, 7, "x", {}, [], [None], [{}], [{"StartedAt": 1_000}], [{"StoppedAt": 1_000}],
     [{"StartedAt": 5_000, "StoppedAt": 1_000}], [{"StartedAt": "1", "StoppedAt": "2"}],
     [{"StartedAt": True, "StoppedAt": 9_000}], [{"StartedAt": 1, "StoppedAt": 10**400}]],
)  # fmt: skip
def test_attempts_that_say_nothing_of_their_time_cost_nothing(attempts: object) -> None:
    assert job_seconds(attempts) == 0


def test_the_attempts_of_a_job_cost_their_own_time() -> None:
    ran = {"StartedAt": 1_000, "StoppedAt": 2_500}
    assert job_seconds([ran, {}, {**ran, "StoppedAt": 4_000}]) == 4.5
    spent = Spent().with_job(4.5, 3, is_whole=True)
    assert spent.usd(Fleet(usd_per_hour=8.0, at_once=1)) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("found", "is_time"),
    [(0, True), (253_402_300_799_999, True), (253_402_300_800_000, False), (-1, False), (1.5, False), (True, False)],
)
def test_a_moment_is_one_that_a_calendar_has(found: object, is_time: bool) -> None:
    """Up to the end of the year 9999, after which a report could not show it."""
    assert (moment(found) == found) is is_time

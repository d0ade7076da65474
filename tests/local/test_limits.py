"""A process that may have too little says so before an embedded cloud fails bit by bit."""

import resource

import pytest

from stepsweep.local.limits import CloudFailed, check_limits

FILES, SPACE = resource.RLIMIT_NOFILE, resource.RLIMIT_AS
ENOUGH = {FILES: 64, SPACE: 786_432 * 1024}


@pytest.mark.parametrize(
    ("limits", "least", "said"),
    [
        (ENOUGH, {}, None),
        (dict.fromkeys(ENOUGH, resource.RLIM_INFINITY), {"least_kib": 9_000_000}, None),
        ({**ENOUGH, FILES: 63}, {}, "64 open files, and this process may have 63; raise that with `ulimit -n`"),
        (
            {**ENOUGH, SPACE: 786_431 * 1024 + 1023},
            {},
            "786,432 KiB of address space, and this process may have 786,431; raise that with `ulimit -v`",
        ),
        (
            ENOUGH,
            {"least_kib": 4_194_304},
            "4,194,304 KiB of address space, and this process may have 786,432; raise that with `ulimit -v`",
        ),
    ],
)
def test_a_limit_under_which_no_cloud_can_run_is_named(
    monkeypatch: pytest.MonkeyPatch, limits: dict[int, int], least: dict[str, int], said: str | None
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda number: (limits[number], resource.RLIM_INFINITY))
    if said is None:
        check_limits(**least)
        return
    with pytest.raises(CloudFailed) as failed:
        check_limits(**least)
    assert str(failed.value) == f"the embedded cloud needs {said}"

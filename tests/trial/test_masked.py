"""The values of secrets are not in what a script prints, however it prints them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsweep.contract import keys
from stepsweep.trial.masked import MASK, Masked, secrets_in
from tests.support.kit import Kit

SECRET = "s3cr3t-of-the-job"  # noqa: S105  nobody's
NAMES = json.dumps(["API_KEY", "MISSING"])


def masked(parts: list[bytes], secrets: list[bytes]) -> bytes:
    stream = Masked(secrets)
    return b"".join([*map(stream.next, parts), stream.rest()])


LETTERS = st.text("ab\n", max_size=12).map(str.encode)


@given(st.lists(LETTERS, max_size=6), st.lists(st.text("ab", min_size=1, max_size=4).map(str.encode), max_size=3))
def test_how_a_text_is_cut_does_not_matter(parts: list[bytes], secrets: list[bytes]) -> None:
    whole, cut = masked([b"".join(parts)], secrets), masked(parts, secrets)
    assert cut == whole
    assert not any(secret in cut.replace(MASK, b"|") for secret in secrets)


def test_only_what_may_begin_a_secret_waits() -> None:
    stream = Masked([b"abcd"])
    assert [stream.next(part) for part in (b"x\rloss=0.5", b" ab", b"x a", b"bcd", b"e")] == [
        b"x\rloss=0.5", b" ", b"abx ", b"***", b"e"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "secrets"),
    [
        ({}, []),
        ({keys.SECRETS: NAMES}, []),
        ({keys.SECRETS: NAMES, "API_KEY": SECRET}, [SECRET.encode()]),
        ({keys.SECRETS: NAMES, "API_KEY": "123"}, []),
        ({keys.SECRETS: NAMES, "API_KEY": "\n first \r\nsecond\n"}, [b"first", b"second"]),
        ({keys.SECRETS: "{", "API_KEY": SECRET}, []),
        ({keys.SECRETS: "3", "API_KEY": SECRET}, []),
    ],
)
def test_a_job_s_secrets_are_those_that_it_names(environment: dict[str, str], secrets: list[bytes]) -> None:
    assert secrets_in(environment) == secrets


@pytest.mark.parametrize("code", [0, 1])
def test_a_script_s_output_has_none(kit: Kit, code: int) -> None:
    script = f"printf 's3cr3t-of'; sleep 0.1; echo '-the-job loss=0.5' ; echo key: $API_KEY >&2; exit {code}"
    ended = kit("--", "sh", "-c", script, "{args}", "--lr", "1", **{keys.SECRETS: NAMES, "API_KEY": SECRET})
    assert ended.returncode == code
    assert "*** loss=0.5\n" in ended.stdout
    assert "key: ***\n" in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr

"""Environment variables that a spec gives to its trials."""

import pytest

from stepsweep.contract.rounds import first_round
from tests.support.specs import faults, parse

NO_NAME = "is not a name of a variable; letters, digits and _, no digit first, at most 128"
OURS = "the job sets what begins with STEPSWEEP_ or AWS_; choose another name"
NO_TEXT = "must be a text or a whole number; put quotes around it, got"
PRINTABLE = "must be printable characters on one line, and number"


def test_variables_are_texts_and_may_hold_what_options_may_not() -> None:
    given = {"OMP_NUM_THREADS": 4, "DATA": "/mnt/a b/é", "WANDB_MODE": "offline", "_x": "--flag=1,2"}
    assert parse(environment=given).environment == {**given, "OMP_NUM_THREADS": "4"}


@pytest.mark.parametrize("name", ["A-B", "1A", "", "A B", "A=B", "é", "A" * 129])
def test_what_is_no_name_of_a_variable_is_a_fault(name: str) -> None:
    (fault,) = faults(environment={name: "1"})
    assert fault.startswith("environment: ")
    assert fault.endswith(NO_NAME)


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("AWS_REGION", "1", OURS),
        ("stepsweep_x", "1", OURS),
        ("TMPDIR", "/x", "each trial has a folder of its own for temporary files; leave it out"),
        ("A", "", "is empty, and Batch drops empty variables; give it a value, or leave it out"),
        ("A", True, f"{NO_TEXT} true or false"),
        ("A", 0.5, f"{NO_TEXT} a fraction"),
        ("A", None, f"{NO_TEXT} null"),
        ("A", ["x"], f"{NO_TEXT} a list"),
        ("A", "x\0", f"{PRINTABLE} 2 of 2 is none; leave it out"),
        ("A", "x\ny", f"{PRINTABLE} 2 of 3 is none; leave it out"),
        ("A", "\ud800", f"{PRINTABLE} 1 of 1 is none; leave it out"),
        ("A", "x" * 2049, "must have at most 2048 characters, got 2049"),
    ],
)
def test_what_no_trial_can_be_given_is_a_fault(name: str, value: object, fault: str) -> None:
    assert faults(environment={name: value}) == (f"environment.{name}: {fault}",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WANDB_API_KEY", "s3cr3t"),
        ("HF_TOKEN", "s3cr3t"),
        ("db_password", "s3cr3t"),
        ("MYSECRET", "s3cr3t"),
        ("GH_PAT", "s3cr3t"),
    ],
)
def test_a_variable_that_is_named_like_a_secret_is_refused_and_not_repeated(name: str, value: str) -> None:
    (fault,) = faults(environment={name: value})
    assert fault.startswith(f"environment.{name}: looks like a secret")
    assert value not in fault


@pytest.mark.parametrize(
    "value",
    [
        "postgres://me:s3cr3t@db/x", "Bearer abcdefgh12", "AKIAIOSFODNN7EXAMPLE", f"ghp_{'x' * 36}",
        f"github_pat_{'x' * 30}", f"glpat-{'x' * 20}", f"hf_{'x' * 34}", f"sk-proj-{'x' * 40}", "xoxb-1234567890-x",
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_a_value_with_the_form_of_a_secret_is_refused_in_variables_and_options_and_not_repeated(value: str) -> None:
    for fields in (
        {"environment": {"A": value}},
        {"fixed": {"a": f"x={value}"}},
        {"parameters": {"a": [1, f"x={value}"]}},
    ):
        (fault,) = faults(**fields)
        assert "looks like a secret" in fault
        assert value not in fault


@pytest.mark.parametrize(
    "value",
    [
        "https://host/a@b",
        "s3://bucket/key",
        "sk-learn",
        "hf_model",
        "Bearer",
        "ASIAN",
        "ghp_short",
        "task-classification-of-20-kinds",
    ],
)
def test_a_value_that_only_resembles_a_secret_is_taken(value: str) -> None:
    assert parse(environment={"A": value}, fixed={"a": value}).fixed == {"a": value}


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "MAX_TOKENS", "KEYRING", "PASSES", "MONKEY"])
def test_a_name_that_only_resembles_one_of_a_secret_is_taken(name: str) -> None:
    assert parse(environment={name: "1"}).environment == {name: "1"}


def test_too_many_variables_or_bytes_are_a_fault() -> None:
    many = {f"A{number}": "1" for number in range(51)}
    assert faults(environment=many) == ("environment: at most 50 variables, got 51",)
    (fault,) = faults(environment={f"A{number}": "x" * 1_750 for number in range(4)})
    assert fault.startswith("environment and artifacts: 7151 bytes, 39 of them of options; Batch takes 6800 a trial")


def test_secrets_are_names_and_part_of_neither_ids_nor_the_question() -> None:
    spec = parse(secrets=["WANDB_API_KEY", "HF_TOKEN"])
    assert spec.secrets == ("HF_TOKEN", "WANDB_API_KEY")
    assert spec.same_work(parse())
    assert first_round(spec, trainer_version="1") == first_round(parse(), trainer_version="1")


@pytest.mark.parametrize(
    ("secrets", "fault"),
    [
        (["A B"], f'secrets: "A B" {NO_NAME}'),
        ([1], f"secrets: 1 {NO_NAME}"),
        (["AWS_SECRET_ACCESS_KEY"], f"secrets.AWS_SECRET_ACCESS_KEY: {OURS}"),
        (["A", "A"], "secrets.A: stands in the list twice; name it once"),
        (["B"], "secrets.B: stands in `environment` too; keep it in one of the two"),
        ({"A": "s3cr3t"}, 'secrets: must be a list of names such as ["WANDB_API_KEY"], without their values'),
        ("A", 'secrets: must be a list of names such as ["WANDB_API_KEY"], got "A"'),
        ([f"A{number}" for number in range(21)], "secrets: at most 20 names, got 21"),
    ],
)
def test_secrets_that_no_trial_can_be_given_are_a_fault(secrets: object, fault: str) -> None:
    assert faults(secrets=secrets, environment={"B": "1"}) == (fault,)


def test_it_must_be_an_object() -> None:
    assert faults(environment=["A=1"]) == (
        'environment: must be an object of variables such as {"OMP_NUM_THREADS": "4"}, got ["A=1"]',
    )

"""What a person is told to write instead of a number in a form that JSON does not know."""

import pytest

from stepsweep.contract.numbers import meant_by


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("1_000", "1000"),
        ("+0x1F", "31"),
        ("-0b11", "-3"),
        ("0o17", "15"),
        (".5", "0.5"),
        ("-5.", "-5"),
        ("1_0.2_5e-3", "10.25e-3"),
        ("1e", "1"),
        ("007", "7"),
        ("00", "0"),
        ("1 000 000", "1000000"),
        ("-1,000.5", "-1000.5"),
        ("1'000", "1000"),
        ("1,5", "1.5"),
        ("+12,25", "12.25"),
        ("\u2212" + "1.5", "-1.5"),
        ("\u2212" + "1_000", "-1000"),
        ("\uff11\uff12", "12"),
        ("\u0663.5e2", "3.5e2"),
        *((number, None) for number in ("0", "-1", "1.5", "1e-3", "12E+4", "-0.0")),
        *(
            (text, None)
            for text in ("", "-", ".", "e5", "a", "1a", "0x", "0xg", "1,2,3", "1,00,000", "nan", "inf", "a1")
        ),
        *((text, None) for text in ("1 00", "12 34", "\u00e9t\u00e9 1", "1-2", "1.2.3", "9" * 400 + "_0")),
    ],
    ids=ascii,
)
def test_a_word_that_means_a_number_is_that_number_as_json_writes_it(word: str, meant: str | None) -> None:
    assert meant_by(word) == meant

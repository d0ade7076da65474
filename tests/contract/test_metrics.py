"""metrics.csv: what is written is read again, and what cannot be trusted is refused with the place and the reason."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepsweep.contract.errors import InvalidMetrics
from stepsweep.contract.metrics import MAX_BYTES, Metrics, parse_csv, to_csv

HEADER = b"epoch,val_loss,val_accuracy\n"
VALID = HEADER + b"1,0.7,0.5\n2,0.4,0.8\n"

finite = st.floats(allow_nan=False, allow_infinity=False)


def fault_of(data: bytes, max_epochs: int = 100) -> str:
    with pytest.raises(InvalidMetrics) as caught:
        parse_csv(data, max_epochs=max_epochs)
    return str(caught.value)


class TestRoundTrip:
    @given(st.lists(st.tuples(finite, finite), min_size=1, max_size=20))
    def test_the_numbers_that_a_trainer_writes_are_the_numbers_that_are_read(
        self, curve: list[tuple[float, float]]
    ) -> None:
        rows = [{"epoch": n, "val_loss": loss, "top5": top5} for n, (loss, top5) in enumerate(curve, start=1)]
        assert parse_csv(to_csv(rows), max_epochs=len(rows)).columns == {
            "epoch": list(range(1, len(rows) + 1)),
            "val_loss": [loss for loss, _ in curve],
            "top5": [top5 for _, top5 in curve],
        }

    @pytest.mark.parametrize(
        "data",
        [
            VALID,
            VALID.replace(b"\n", b"\r\n"),
            VALID.replace(b"0.7", b'"0.7"'),
            VALID.replace(b"0.7", b"+7e-1"),
            VALID.replace(b"0.7", b".7"),
            VALID.replace(b"1,", b"1.0,", 1),
        ],
        ids=["ours", "CRLF", "quoted", "exponent", "no zero", "epoch 1.0"],
    )
    def test_what_csv_writers_of_other_languages_write_is_read_alike(self, data: bytes) -> None:
        assert parse_csv(data, max_epochs=2) == Metrics(
            columns={"epoch": [1, 2], "val_loss": [0.7, 0.4], "val_accuracy": [0.5, 0.8]}
        )

    def test_early_stopping_leaves_fewer_rows_than_epochs(self) -> None:
        assert parse_csv(VALID, max_epochs=100).epochs == 2


class TestRules:
    @pytest.mark.parametrize(
        ("data", "fault"),
        [
            (b"", "the file is empty"),
            (b"\n", 'the first column must be `epoch`, got ""'),
            (HEADER, "a header and no row: not one epoch was finished"),
            (b"\xef\xbb\xbf" + VALID, 'the first column must be `epoch`, got "\\ufeffepoch,val_loss,val_accuracy"'),
            (VALID.decode().encode("utf-16"), "not UTF-8: invalid start byte at byte 0"),
            (VALID + b"3,\0,1\n", "a NUL byte in the file"),
            (VALID[:-1], "line 3 has no end: the file was cut off"),
            (VALID[:-4], "line 3 has no end: the file was cut off"),
            (VALID[:-8], "line 3 has no end: the file was cut off"),
            (VALID + b"\n", "line 4: 0 values for 3 columns"),
            (VALID + b"3,0.1\n", "line 4: 2 values for 3 columns"),
            (VALID + b"3,0.1,0.2,\n", "line 4: 4 values for 3 columns"),
            (VALID + b"4,0.1,0.2\n", 'line 4: epoch "4", where 3 has its place'),
            (VALID + b"2,0.1,0.2\n", 'line 4: epoch "2", where 3 has its place'),
            (HEADER + b"0,0.1,0.2\n", 'line 2: epoch "0", where 1 has its place'),
            (HEADER + VALID, "line 2: epoch is \"epoch\", which is not a number"),
            (VALID.replace(b"epoch,", b""), 'the first column must be `epoch`, got "val_loss,val_accuracy"'),
            (VALID.replace(b"epoch", b"Epoch"), 'the first column must be `epoch`, got "Epoch,val_loss,val_accuracy"'),
            (VALID.replace(b",", b";"), 'the first column must be `epoch`, got "epoch;val_loss;val_accuracy"'),
            (VALID.replace(b"val_loss", b"Val loss"), 'column "Val loss" is not a name like `val_loss`'),
            (VALID.replace(b"val_loss", b""), 'column "" is not a name like `val_loss`'),
            (VALID.replace(b"val_loss", b"epoch"), 'a column stands twice in "epoch,epoch,val_accuracy"'),
            (VALID.replace(b"val_loss", b"val_accuracy"), 'a column stands twice in "epoch,val_accuracy,val_accuracy"'),
            (b'epoch,val_loss\n1,"0.1\n', "not CSV: unexpected end of data"),
            (b'epoch,val_loss\n1,"0.1"2\n', "not CSV: ',' expected after '\"'"),
        ],
    )  # fmt: skip
    def test_a_file_that_breaks_a_rule_is_refused_with_the_place_and_the_reason(self, data: bytes, fault: str) -> None:
        assert fault_of(data) == fault

    @pytest.mark.parametrize(
        "cell",
        [" ", "1_000", "\uff11", "\u0663", "infinity", "Infinity", "0x1p3", "1e", "1.2.3", "1 ", " 1", "1\u066b5",
         "true", "None", "-", ".", "e5", "1e99999", "--1", "1" * 65, "=1+1", "\x1b[2J", "1d5"],
        ids=ascii,
    )  # fmt: skip
    def test_what_only_some_parsers_take_for_a_number_is_none(self, cell: str) -> None:
        assert re.match(
            "line 3: val_loss is .*, which is not a number",
            fault_of(VALID.replace(b"0.4", cell.encode())),
        )

    @pytest.mark.parametrize("cell", ["1e999", "-1e999", "9" * 60 + "e300"])
    def test_a_number_that_does_not_fit_is_not_taken_for_infinity(self, cell: str) -> None:
        assert fault_of(VALID.replace(b"0.4", cell.encode())) == (
            f'line 3: val_loss is "{cell}", which is too large for a number'
        )

    @pytest.mark.parametrize("cell", ["1e-400", "-0.01e-999", f"0.{9 * '0'}1e-320"])
    def test_a_number_that_does_not_fit_is_not_taken_for_0(self, cell: str) -> None:
        assert fault_of(VALID.replace(b"0.4", cell.encode())) == (
            f'line 3: val_loss is "{cell}", which is too small for a number; write 0'
        )
        assert parse_csv(VALID.replace(b"0.4", b"0.00e-400"), max_epochs=2).columns["val_loss"][1] == 0

    @pytest.mark.parametrize("cell", ["nan", "NaN", "-nan", "inf", "-inf", "Inf"])
    def test_a_value_that_is_not_finite_is_that_epochs(self, cell: str) -> None:
        metrics = parse_csv(VALID.replace(b"0.4", cell.encode()), max_epochs=2)
        assert not math.isfinite(metrics.columns["val_loss"][1])
        assert [epoch for epoch, _ in metrics.measured("val_loss")] == [1, 2]

    def test_an_empty_cell_was_not_measured(self) -> None:
        metrics = parse_csv(VALID.replace(b"0.7", b""), max_epochs=2)
        assert metrics.measured("val_loss") == [(2, 0.4)]
        assert math.isnan(metrics.columns["val_loss"][0])
        assert fault_of(VALID.replace(b"1,", b",", 1)) == 'line 2: epoch is "", which is not a number'

    def test_more_rows_than_epochs_are_not_this_trials(self) -> None:
        assert fault_of(VALID, max_epochs=1) == "2 rows, and only 1 epoch was asked for"

    def test_a_file_of_gigabytes_is_refused_before_it_is_read(self) -> None:
        assert fault_of(VALID + b"x" * MAX_BYTES).endswith(f"bytes, more than {MAX_BYTES}")


class TestHostileFiles:
    @given(
        st.binary()
        | st.text().map(lambda text: HEADER + text.encode())
        | st.lists(
            st.sampled_from([HEADER, b"1,0.7,0.5\n", b",", b'"', b"\r", b"\n", b"nan", b"9", b"\0", b"\xff"])
        ).map(b"".join)
    )
    @example(b'"')
    @example(b"\r")
    @example(b"epoch,a\r1,2\n")
    @example(HEADER + b"1," + b"9" * 200_000 + b",1\n")
    def test_any_bytes_are_metrics_or_a_reason_that_a_terminal_can_show(self, data: bytes) -> None:
        try:
            metrics = parse_csv(data, max_epochs=3)
        except InvalidMetrics as error:
            reason = str(error)
            assert reason.isprintable()
            assert 0 < len(reason) < 300
        else:
            assert 1 <= metrics.epochs <= 3
            assert {len(column) for column in metrics.columns.values()} == {metrics.epochs}

    def test_a_file_that_was_cut_off_is_refused_wherever_it_was_cut_but_behind_a_whole_row(self) -> None:
        behind_the_first_row = VALID.index(b"2,0.4")
        for place in set(range(len(VALID))) - {behind_the_first_row}:
            assert fault_of(VALID[:place])

"""A number that cannot be read for sure is an error, or is left out and named: another one may make a wrong winner."""

import pytest

from tests.support.kit import Kit


def shown(kit: Kit, output: str, *own: str, file: str = "") -> tuple[list[list[str]], str]:
    """Returns the words of the table that `stepsweep-trial` shows of a script's output or file, and its errors.

    The first column is left out: that of the epochs, which count from 1.
    """
    (kit.folder / "printed").write_text(output)
    command = f"cat printed; cp printed {file}" if file else "cat printed"
    ended = kit(*own, *([f"--metrics-file={file}"] if file else []), "--", "sh", "-c", command, "{args}", "--lr", "1")
    table = ended.stdout.removeprefix(output).removeprefix("\n").splitlines() if ended.returncode == 0 else []
    return [line.split()[1:] for line in table], ended.stderr


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("nan", "nan"), ("NaN", "nan"), ("inf", "inf"), ("Infinity", "inf"),
        ("-Infinity", "-inf"), ("∞", "inf"), ("1.#INF", "inf"), ("-1.#IND", "nan"), ("1.#QNAN0", "nan"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("line", ["epoch {} val_loss={}", "Epoch {}: val loss {}", "| {} | {} |"])
def test_a_printed_value_that_is_not_finite_is_one_however_it_is_written(
    kit: Kit, line: str, written: str, value: str
) -> None:
    header = "| epoch | val_loss |\n" if "|" in line else ""
    (_, *values), _ = shown(kit, header + line.format(1, "0.5") + "\n" + line.format(2, written) + "\n")
    assert values == [["0.5"], [value]]


@pytest.mark.parametrize("zeros", [10, 400])
def test_a_whole_number_of_json_may_be_too_large(kit: Kit, zeros: int) -> None:
    table, _ = shown(kit, f'{{"loss": 1{zeros * "0"}}}\n')
    assert table == [["loss"], ["1e+10" if zeros == 10 else "inf"]]


@pytest.mark.parametrize("cell", ['"NaN"', '"inf"', '"Infinity"', "Infinity", '"-Infinity"'])
@pytest.mark.parametrize("file", ["", "m.jsonl"])
def test_json_may_have_what_is_not_finite_as_a_text(kit: Kit, cell: str, file: str) -> None:
    lines = f'{{"epoch": 1, "val_loss": 0.5}}\n{{"epoch": "2", "val_loss": {cell}}}\n'
    (_, *values), _ = shown(kit, lines, file=file)
    assert values == [["0.5"], [cell.strip('"').lower().replace("inity", "")]]


@pytest.mark.parametrize(
    "output",
    [
        "epoch 1 loss=0.5 epoch 2 loss=0.25 epoch 3 loss=0.75 ",
        "Epoch 1/3 loss=1 Epoch 1/3 loss=0.5 Epoch 2/3 loss=0.25 Epoch 3/3 loss=0.75",
        '{"epoch": 1, "loss": 0.5}{"epoch": 2, "loss": 0.25}{"epoch": 3, "loss": 0.75}',
        '{"loss": 0.5, "epoch": 1}, {"loss": 0.25, "epoch": 2},\n{"loss": 0.75, "epoch": 3}\n',
        "{'epoch': 1, 'loss': 0.5} {'epoch': 2, 'loss': 0.25} {'epoch': 3, 'loss': 0.75}",
        *(
            "\n".join(line.format(epoch, loss) for epoch, loss in enumerate((0.5, 0.25, 0.75), 1))
            for line in (
                "epoch {} loss={} (best epoch 1 loss=0.1)",
                "epoch {0} loss={1} | best so far: epoch 1, loss=0.1 | epoch {0} lr=1",
                "epoch {} loss={}, next is epoch 9",
                "epoch {}\nloss={}\nBest epoch 1: loss=0.1",
                "[0] Epoch {} loss={}",
                "\repoch {0} loss=1\repoch {0} loss={1}",
            )
        ),
    ],
)
def test_each_epoch_of_a_line_is_one(kit: Kit, output: str) -> None:
    (names, *values), _ = shown(kit, output)
    assert [row[names.index("loss")] for row in values] == ["0.5", "0.25", "0.75"]


@pytest.mark.parametrize("own", [("--metric", r"loss=loss=(\S+)"), ("--epoch", r"e(\d+)"), ("--epoch", r"(?<=e)(\d+)")])
def test_a_pattern_finds_each_epoch_of_a_line_too(kit: Kit, own: tuple[str, str]) -> None:
    word = "epoch " if own[0] == "--metric" else "e"
    output = f"{word}1 loss=0.5 {word}2 loss=0.25 {word}3 loss=0.75 "
    assert shown(kit, output, *own)[0][1:] == [["0.5"], ["0.25"], ["0.75"]]


@pytest.mark.parametrize(
    "line",
    [
        "epoch 3 loss=0.5 (epoch 2 loss=0.25)",
        "epoch 1 loss=0.5 epoch 2 loss=0.25 epoch 1 loss=0.75",
        "loss=0.5 epoch 1 loss=0.25 epoch 2",
        "{'loss': 0.5, 'epoch': 1}{'loss': 0.25, 'epoch': 2}",
    ],
)
def test_a_line_of_several_epochs_that_is_unsure_is_refused(kit: Kit, line: str) -> None:
    _, said = shown(kit, line + "\n")
    assert said.splitlines()[-1] == (
        f"stepsweep-trial: {line!r} has several epochs; print each of them in a line of its own"
    )


def test_an_epoch_that_may_only_be_mentioned_is_refused(kit: Kit) -> None:
    (kit.folder / "printed").write_text("Warm-up ends at epoch 1\nval_loss=0.5\nval_loss=0.3\nval_loss=0.4\n")
    command = ("--", "sh", "-c", "cat printed", "{args}", "--epochs", "3")
    ended = kit(*command)
    assert ended.returncode == 1
    assert (
        "stepsweep-trial: 'Warm-up ends at epoch 1' names an epoch, and lines with val_loss name none." in ended.stderr
    )
    assert "0.3" in kit("--epoch", "epoch ([0-9]+) begins", *command).stdout.splitlines()[-2]


@pytest.mark.parametrize("cell", ["null", '"0.25"', '"none"'])
def test_a_number_of_json_may_be_missing_or_a_text(kit: Kit, cell: str) -> None:
    (_, *values), _ = shown(kit, f'{{"epoch": 1, "loss": {cell}, "by": "me"}}\n{{"epoch": 2, "loss": 0.5}}\n')
    assert values == [["0.25"] if "0" in cell else [], ["0.5"]]


def test_a_text_where_other_lines_have_a_number_is_refused(kit: Kit) -> None:
    _, said = shown(kit, '{"epoch": 1, "loss": 0.5, "by": "me"}\n{"epoch": 2, "loss": "oops"}\n')
    assert said.splitlines()[-1] == (
        "stepsweep-trial: loss is 'oops' in one line, and a number in others; print a number, `NaN` if it has diverged,"
        " or null if it was not measured"
    )


@pytest.mark.parametrize("rest", ['{"epoch": 1, "loss": 0.5}', "epoch 1 loss: 0.5", '{"loss": 0.5}'])
def test_a_text_of_a_configuration_is_no_value(kit: Kit, rest: str) -> None:
    table, said = shown(kit, '{"lr": 0.1, "epochs": 3, "loss": "mse"}\n' + rest + "\n")
    assert table[-1][table[0].index("loss")] == "0.5"
    assert "stepsweep-trial: loss is 'mse' in a line of other fields, which is taken for no measurement\n" in said
    _, said = shown(kit, '{"lr": 0.1, "loss": 0.5}\n{"lr": 0.1, "loss": "mse"}\n')
    assert "stepsweep-trial: loss is 'mse' in one line, and a number in others" in said


@pytest.mark.parametrize(
    ("rows", "values"),
    [
        ("1,0.5,\n2,nan,\n", [["0.5"], ["nan"]]),
        ("1,0.5\n2,-Infinity\n", [["0.5"], ["-inf"]]),
        ("1,,a\n2,0.5,1:00\n", [[], ["0.5"]]),
        ("1,0.5\n2,NA\n\n3,0.25", [["0.5"], [], ["0.25"]]),
        ("1,0.5,,\n# again\nepoch,val_loss\n2,0.25\n", [["0.5"], ["0.25"]]),
    ],
)
def test_a_csv_has_what_it_has_measured(kit: Kit, rows: str, values: list[list[str]]) -> None:
    third = ",note" if "a" in rows.splitlines()[0] else ""
    assert shown(kit, f"epoch,val_loss{third}\n{rows}", file="m.csv")[0][1:] == values


@pytest.mark.parametrize("row", ["2 0.05", "2 0.05%", "2 nan", "2 soon 0.05"])
def test_a_short_row_of_a_printed_table_is_refused_before_others_and_named_at_the_end(kit: Kit, row: str) -> None:
    begin = f"epoch train_loss val_loss\n1 0.5 0.4\n{row}\n"
    why = f"'{row}' has the epoch of a row, but does not fit below 'epoch train_loss val_loss'"
    _, said = shown(kit, begin + "3 0.3 0.2\n")
    assert f"stepsweep-trial: of a table that was printed: {why}; print numbers alone in the rows\n" in said
    table, said = shown(kit, begin + "done\n")
    assert table == [["train_loss", "val_loss"], ["0.5", "0.4"]]
    assert f"stepsweep-trial: the last row of a table does not count: {why}\n" in said


def test_other_lines_below_a_table_that_begin_with_a_number_are_none_of_its_rows(kit: Kit) -> None:
    output = "epoch train_loss val_loss\n1 0.5 0.4\n2\n2 workers, 0.5 s\n2 0.4 0.3\n3 0.3 0.2\n5 0.1\n"
    table, said = shown(kit, output)
    assert (table[1:], said) == ([["0.5", "0.4"], ["0.4", "0.3"], ["0.3", "0.2"]], "")


MANY = "for the 2 names 'epoch,val_loss'; write a cell for each name, empty if it was not measured, a point in decimal "


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (
            "1,0.5\n2,oops\n",
            "line 3: val_loss is 'oops', which is no number; write one such as 1234.5, nan where it has ",
        ),
        ("1,0,35\n2,0,31\n", f"line 2 has 3 cells, '1,0,35', {MANY}"),
        ("1,0.5\n2\n3,0.25\n", f"line 3 has 1 cell, '2', {MANY}"),
        ("1,0.5\n2,good, but late\n", f"line 3 has 3 cells, '2,good,but late', {MANY}"),
        ("1,0.5\n2,0.", "its last line has no end, and its last number, '0.', may be cut off; end it with \\n"),
        ("1,0.5\n2,", "its last line has no end, and its last number, '', may be cut off; end it with \\n"),
        ("1,0.5\n2", f"line 3 has 1 cell, '2', {MANY}"),
    ],
)
def test_a_row_of_a_csv_that_is_unsure_is_refused(kit: Kit, rows: str, why: str) -> None:
    _, said = shown(kit, "epoch,val_loss\n" + rows, file="m.csv")
    assert said.splitlines()[-1].startswith(f"stepsweep-trial: --metrics-file m.csv: {why}")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.tsv", "epoch\tloss\n1\t0.5\n2\t0.25\n"),
        ("m.CSV", "epoch,loss\n1,0.5\n2,0.25\n"),
        ("m.csv", "# by me, today\nepoch,loss\n1,0.5\n2,0.25\n"),
        ("m.csv", "# epoch,loss\n1.0,0.5\n2.0,0.25\n"),
        ("m.jsonl", '{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "loss": 0.25}'),
        ("m.json", '{\n  "epoch": 1,\n  "loss": 0.5\n}\n{\n  "epoch": 2,\n  "loss": 0.25\n}'),
        ("m.txt", "{'epoch': 1, 'loss': 0.5}\n{'epoch': 2, 'loss': 0.25}\n"),
    ],
)
def test_a_file_is_read_as_its_name_says(kit: Kit, name: str, text: str) -> None:
    assert shown(kit, text, file=name)[0] == [["loss"], ["0.5"], ["0.25"]]


@pytest.mark.parametrize("file", ["", "m.jsonl"])
def test_nested_json_has_the_names_of_its_fields(kit: Kit, file: str) -> None:
    lines = '{"epoch": 1, "val": {"loss": 0.5}}\n{"epoch": 2, "val": {"loss": 0.25}}\n'
    assert shown(kit, lines, file=file)[0] == [["val/loss"], ["0.5"], ["0.25"]]


@pytest.mark.parametrize(
    ("output", "file", "why"),
    [
        (
            "epoch 1 loss=1e-400\n",
            "",
            "1e-400 is too small for a number; write 0; it was printed in 'epoch 1 loss=1e-400'",
        ),
        ('{"loss": 0.5}\n{"loss": 1e-400}\n', "", "loss is '1e-400' in one line, and a number in others; "),
        ("loss\n0.5\n-1e-400\n", "m.csv", "--metrics-file m.csv: line 3: loss is '-1e-400', which is no number; "),
    ],
)
def test_a_number_that_is_too_small_is_not_taken_for_0(kit: Kit, output: str, file: str, why: str) -> None:
    _, said = shown(kit, output, file=file)
    assert said.splitlines()[-1].startswith(f"stepsweep-trial: {why}")
    assert shown(kit, output.replace("1e", "0e"), file=file)[0][-1] in (["-0"], ["0"])


@pytest.mark.parametrize(
    ("pattern", "whole"),
    [
        (r"loss=loss:? -?([0-9.]+)", "-1e-05"),
        (r"loss=([0-9]+)", "-1e-05"),
        (r"loss=(\d)e", ""),
        (r"loss=loss (\S+)", ""),
    ],
)
def test_a_pattern_that_finds_a_part_of_a_number_is_refused(kit: Kit, pattern: str, whole: str) -> None:
    table, said = shown(kit, "loss -1e-05\n", "--metric", pattern)
    if whole:
        assert said.endswith(
            f"stepsweep-trial: --metric loss: its group matched '1' of {whole}; write ([-+.\\w]+) for it\n"
        )
    else:
        assert table == [["loss"], ["1" if "e" in pattern[5:] else "-1e-05"]]


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("Fold {}: accuracy=0.9{}", ""),
        ("[CV {}/3] accuracy=0.9{}", ""),
        ('{{"accuracy": 0.9{1}, "fold": {0}}}', "m.jsonl"),
    ],
)
def test_a_fold_is_no_epoch(kit: Kit, line: str, file: str) -> None:
    _, said = shown(kit, "".join(line.format(fold, fold) + "\n" for fold in (1, 2, 3)), file=file)
    assert said.splitlines()[-1] == (
        "stepsweep-trial: accuracy is in a line per fold, and a fold is no epoch. To fix it, print their mean, and "
        "leave `epochs` out of the spec, or let the sweep train the folds (`folds`)"
    )
    table, _ = shown(kit, "".join(line.format(2, epoch) + "\n" for epoch in (1, 2, 3)), file=file)
    assert [row[0] for row in table] == ["accuracy", "0.91", "0.92", "0.93"], "the epochs of the one that it trains"


def test_a_script_that_printed_nothing_has_no_last_lines(kit: Kit) -> None:
    _, said = shown(kit, "")
    assert said.startswith("stepsweep-trial: the script printed nothing\nstepsweep-trial: found no metrics; looked")

import pytest

from mlops_ci.gates.errors import PredictionsUnusableError
from mlops_ci.gates.evidence import recognise, weigh
from mlops_ci.gates.predictions import Paired, Row, pair, read_predictions


def rows(*cells: tuple[str, str, str], **columns: str) -> list[Row]:
    return [Row(id=one, target=target, prediction=guess, columns=columns) for one, target, guess in cells]


def test_reads_rows_columns_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_bytes(b'\xef\xbb\xbfid, writer ,target,prediction\r\n1,x,3,3\r\n\r\n2,"y, z",4,5\r\n')
    first, second = read_predictions(path)
    assert first == Row(id="1", target="3", prediction="3", columns={"writer": "x"})
    assert second.columns == {"writer": "y, z"}


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "no column id, target, prediction"),
        (b"id,target,prediction\n", "has no rows"),
        (b"id,target,guess\n1,2,3\n", "no column prediction"),
        (b"id,target,prediction,id\n1,2,3,4\n", "names a column twice"),
        (b"id,target,prediction\n1,2\n", "row 2 of predictions.csv has 2 cells, the first line has 3"),
        (b"id,target,prediction\n1,2,2\n1,3,3\n", "row 3 of predictions.csv repeats the id '1'"),
        (b"id,target,prediction\n1,\xff,2\n", "cannot be read"),
        (b'id,target,prediction\n1,"2,2\n', "cannot be read"),
        (b"id,target,prediction\n1,\x00,2\n", None),
    ],
)
def test_a_broken_file_is_refused_with_what_is_wrong(tmp_path, content, cause):
    path = tmp_path / "predictions.csv"
    path.write_bytes(content)
    if cause is None:
        assert read_predictions(path)[0].id == "1"
        return
    with pytest.raises(PredictionsUnusableError, match=cause) as caught:
        read_predictions(path)
    assert caught.value.exit_code == 4
    assert caught.value.hint


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PredictionsUnusableError, match="does not exist"):
        read_predictions(tmp_path / "predictions.csv")


def test_pairs_by_id_whatever_the_order():
    paired = pair(rows(("1", "a", "a"), ("2", "b", "a")), rows(("2", "b", "b"), ("1", "a", "c")))
    assert [(one.id, one.challenger, one.champion) for one in paired.pairs] == [("1", "a", "c"), ("2", "a", "b")]
    assert paired.hits() == ((True, False), (False, True))


def test_numbers_written_differently_are_the_same():
    paired = pair(rows(("1", "3", "3.0")), rows(("1", "3.00", "4")))
    assert paired.hits() == ((True, False),)


@pytest.mark.parametrize(
    ("champion", "cause"),
    [
        (rows(("1", "a", "a")), "2 and 1 rows"),
        (rows(("1", "a", "a"), ("3", "b", "a")), r"1 ids of the challenger are not among the champion's \(2\)"),
        (rows(("1", "a", "a"), ("2", "x", "a")), r"different targets: 1 of 2 differ \(id 2: 'b' and 'x'\)"),
    ],
)
def test_what_does_not_belong_together_is_refused(champion, cause):
    with pytest.raises(PredictionsUnusableError, match=cause):
        pair(rows(("1", "a", "a"), ("2", "b", "a")), champion)


def regression() -> Paired:
    ours = rows(*[(str(n), str(n), str(n + 1)) for n in range(100)])
    theirs = rows(*[(str(n), str(n), str(n + (3 if n % 2 else 1))) for n in range(100)])
    return pair(ours, theirs)


@pytest.mark.parametrize(
    ("challenger", "champion", "goal", "name"),
    [
        (1.0, 2.0, "min", "mean absolute error"),
        (1.0, 5.0, "min", "mean squared error"),
        (1.0, 5**0.5, "min", "root mean squared error"),
        (1.0, 2.0, "max", None),
        (1.0, 2.5, "min", None),
    ],
)
def test_recognises_the_metric_by_both_of_its_values(challenger, champion, goal, name):
    measure = recognise(regression(), challenger=challenger, champion=champion, goal=goal)
    assert (measure.name if measure else None) == name


def test_the_interval_of_a_continuous_loss_holds_its_gain():
    paired = regression()
    measure = recognise(paired, challenger=1.0, champion=5**0.5, goal="min")
    assert measure is not None
    evidence = weigh(measure, paired)
    assert evidence.gain == pytest.approx(5**0.5 - 1)
    assert evidence.interval[0] < evidence.gain < evidence.interval[1]


@pytest.mark.parametrize(("scale", "goal"), [(1, "max"), (100, "max"), (1, "min"), (100, "min")])
def test_accuracy_error_rate_and_percent_are_told_apart(scale, goal):
    ours = rows(*[(str(n), "1", "1" if n < 90 else "0") for n in range(100)])
    theirs = rows(*[(str(n), "1", "1" if n < 80 else "0") for n in range(100)])
    values = (0.9, 0.8) if goal == "max" else (0.1, 0.2)
    paired = pair(ours, theirs)
    measure = recognise(paired, challenger=values[0] * scale, champion=values[1] * scale, goal=goal)
    assert measure is not None
    evidence = weigh(measure, paired)
    assert evidence.gain == pytest.approx(0.1 * scale)
    assert evidence.interval[0] > 0


def test_values_rounded_to_three_digits_are_recognised():
    ours = rows(*[(str(n), "1", "1" if n < 354 else "0") for n in range(360)])
    assert recognise(pair(ours, ours), challenger=0.983, champion=0.983, goal="max") is not None
    assert recognise(pair(ours, ours), challenger=0.98, champion=0.98, goal="max") is None

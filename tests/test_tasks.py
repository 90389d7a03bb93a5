"""Every task: tables against their names, drawn points against their geometry, data against their split."""

import sys
from pathlib import Path

import numpy as np
import pytest

from hge_spice.study.tables.spec import parse_study
from hge_spice.study.tables.task import TaskChoice, build_task
from hge_spice.study.text.files import StudyError
from hge_spice.tasks import TASKS, Task, from_columns
from hge_spice.tasks.drawn import SPHERE
from hge_spice.tasks.gates import GATES
from hge_spice.tasks.task import REACH, split, standardised

HOLDS = {
    "and": all,
    "nand": lambda row: not all(row),
    "or": any,
    "nor": lambda row: not any(row),
    "xor": lambda row: bool(np.bitwise_xor.reduce(row)),
    "xnor": lambda row: not np.bitwise_xor.reduce(row),
    "parity": lambda row: bool(np.bitwise_xor.reduce(row)),
    "majority": lambda row: np.median(row) > 0.5,
}
ELECTRODES = {"output": "e0", "inputs": ["e1", "e2"], "controls": ["e3", "e4", "e5", "e6", "e7"]}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_gates_are_what_their_names_say(name: str, bits: int) -> None:
    task = TASKS[name](bits=bits)
    assert task.bits.shape == (2**bits, bits)
    assert len(np.unique(task.bits, axis=0)) == 2**bits
    assert task.exact
    for row, wanted in zip(task.bits.astype(int), task.classes, strict=True):
        assert bool(wanted) == bool(HOLDS[name](row))


def test_levels_for_all_inputs_or_one_pair_each() -> None:
    task = TASKS["xor"]()
    assert task.inputs([(-0.3, 0.3)]).tolist() == [[-0.3, -0.3], [-0.3, 0.3], [0.3, -0.3], [0.3, 0.3]]
    assert task.inputs([(0, 1), (2, 4)]).tolist() == [[0, 2], [0, 4], [1, 2], [1, 4]]
    with pytest.raises(ValueError, match="xor has 2 inputs; levels of 3"):
        task.inputs([(0, 1)] * 3)


def test_a_feature_of_two_by_two_pixels_is_one_of_sixteen() -> None:
    found = np.array([TASKS["features_2x2"](feature=k).classes for k in range(16)])
    assert found.sum(axis=0).tolist() == found.sum(axis=1).tolist() == [1] * 16
    assert TASKS["features_2x2"](feature=6).bits[6].tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("name", ["ring", "sphere", "two_moons", "noisy_xor", "sine"])
def test_drawn_tasks_are_repeatable_within_range_and_balanced(name: str) -> None:
    task, again, other = TASKS[name](rng=rng()), TASKS[name](rng=rng()), TASKS[name](rng=rng(1))
    assert np.array_equal(task.bits, again.bits)
    assert not np.array_equal(task.bits, other.bits)
    both = np.concatenate([task.bits, task.test_bits])
    assert 0 <= both.min() < 0.1
    assert 0.9 < both.max() <= 1
    assert len(np.unique(both, axis=0)) == len(both)  # nothing of the test is trained on
    assert 0.4 < np.concatenate([task.classes, task.test_classes]).mean() < 0.6
    assert not task.exact


def test_points_lie_where_their_class_is() -> None:
    task = TASKS["sphere"](train=2000, test=2000, rng=rng())
    inside = np.linalg.norm(task.bits - 0.5, axis=1) < SPHERE
    assert np.array_equal(inside, task.classes > 0.5)
    assert inside.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2000))  # it fills half of the cube
    apart = TASKS["ring"](margin=0.2, rng=rng())
    radius = np.linalg.norm(apart.bits - 0.5, axis=1)
    assert radius[apart.classes < 0.5].min() - radius[apart.classes > 0.5].max() >= 0.2
    wide = TASKS["sphere"](margin=0.2, rng=rng())
    assert np.abs(np.linalg.norm(wide.bits - 0.5, axis=1) - SPHERE).min() >= 0.1
    clean = TASKS["noisy_xor"](noise=0, margin=0.4, rng=rng())
    assert np.abs(clean.bits - 0.5).min() >= 0.2
    assert np.array_equal((clean.bits > 0.5).sum(axis=1) % 2, clean.classes)
    follows = TASKS["sine"](rng=rng())
    assert follows.classes == pytest.approx(0.5 + 0.5 * np.sin(2 * np.pi * follows.bits[:, 0]))
    assert follows.labels == ()


def test_a_split_keeps_shares_and_shares_nothing() -> None:
    classes = np.repeat([0.0, 1.0, 2.0], [90, 45, 15])
    train, test = split(classes, 50, rng())
    assert sorted([*train, *test]) == list(range(150))
    assert [(classes[test] == k).sum() for k in range(3)] == [30, 15, 5]
    with pytest.raises(ValueError, match="150 of 150 patterns can't be kept"):
        split(classes, 150, rng())


def test_standardising_knows_nothing_of_the_test() -> None:
    train, test = rng().normal(7, 3, (2000, 2)), rng(1).normal(7, 3, (500, 2))
    bits, test_bits, clipped = standardised(train, test)
    assert bits.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.01)
    inside = (bits > 0) & (bits < 1)
    assert inside.mean() == pytest.approx(0.954, abs=0.02)  # of a normal distribution within ±2 standard deviations
    assert clipped == (~inside).sum() + ((test_bits == 0) | (test_bits == 1)).sum()
    assert np.array_equal(standardised(train, test + 5)[0], bits)
    assert (bits[inside] - 0.5) * 2 * REACH == pytest.approx(((train - train.mean(0)) / train.std(0))[inside])


def test_a_feature_may_drive_several_inputs() -> None:
    task = TASKS["ring"](rng=rng()).shown(["y", "x", "y"])
    plain = TASKS["ring"](rng=rng())
    assert np.array_equal(task.bits, plain.bits[:, [1, 0, 1]])
    assert np.array_equal(task.test_bits, plain.test_bits[:, [1, 0, 1]])
    with pytest.raises(ValueError, match="ring has no feature 'z'; it has x, y"):
        plain.shown(["z"])


def test_more_than_two_classes_have_a_column_each() -> None:
    table = rng().normal(size=(30, 2))
    task = from_columns(
        "mine", table, np.arange(30) % 3.0, columns=["a", "b"], labels=["p", "q", "r"], test=9, rng=rng()
    )
    assert task.wanted.shape == (21, 3)
    assert task.wanted.sum(axis=1).tolist() == [1] * 21
    assert np.array_equal(task.wanted.argmax(axis=1), task.classes)


@pytest.mark.parametrize(("name", "count", "inputs", "kinds"), [("iris", 150, 4, 3), ("breast_cancer", 569, 30, 2)])
def test_bundled_data_are_whole_and_split_by_class(name: str, count: int, inputs: int, kinds: int) -> None:
    pytest.importorskip("sklearn")
    task: Task = TASKS[name](rng=rng())
    assert len(task.bits) + len(task.test_bits) == count
    assert task.bits.shape[1] == inputs == len(task.features)
    assert len(task.labels) == kinds
    for k in range(kinds):
        everyone = (task.classes == k).sum() + (task.test_classes == k).sum()
        assert abs((task.test_classes == k).sum() - everyone * len(task.test_classes) / count) < 1
    assert 0 < task.clipped < 0.1 * count * inputs


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ValueError, match=r"pip install 'hge-spice\[datasets\]'"):
        TASKS["iris"](rng=rng())


def study(**task: object) -> TaskChoice:
    loss = {"loss": "correlation"}  # of classes and of values
    return parse_study({"device": {}, "electrodes": ELECTRODES, "task": task, "training": loss}).task


def test_keys_of_a_task_are_those_that_it_has() -> None:
    assert build_task(study(name="ring", train=20, test=10, seed=3)).bits.shape == (20, 2)
    assert not np.array_equal(build_task(study(name="ring")).bits, build_task(study(name="ring", seed=1)).bits)
    for task, message in [
        ({"name": "xor", "noise": 0.1}, "task: noise is no key of xor"),
        ({"name": "sphere"}, "sphere has 3 inputs; 2 are named"),
        ({"name": "ring", "margin": 0.6}, "a margin of 0.6 leaves no ring"),
        ({"name": "parity", "bits": 9}, "parity of bits = 9; take 2 to 8 inputs"),
        ({"name": "table"}, 'needs file = "data.csv"'),
        ({"name": "ring", "features": ["x", "w"]}, "ring has no feature 'w'"),
    ]:
        with pytest.raises(StudyError, match=message):
            study(**task)


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


ROWS = "".join(f"{k},{k * k % 7},{'good' if k % 3 else 'bad'}\n" for k in range(1, 13))


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.csv", f"length, width,kind\n{ROWS}\n")
    task = build_task(study(file=path, column="kind"))
    assert (task.name, task.labels, task.features) == ("mine", ("bad", "good"), ("length", "width"))
    assert (len(task.bits), len(task.test_bits)) == (8, 4)
    values = build_task(study(file=path, column="width", predict="value", features=["length", "length"]))
    assert values.labels == ()
    assert (values.classes.min(), values.classes.max()) == (0, 1)
    assert np.array_equal(values.bits[:, 0], values.bits[:, 1])


@pytest.mark.parametrize(
    ("text", "keys", "message"),
    [
        ("a,b,kind\n1,2,x\n1,two,y\n3,4,x\n5,6,y\n", {}, "line 3: b is 'two'; it should be a finite number"),
        ("a,b,kind\n1,2,x\n1,nan,y\n3,4,x\n5,6,y\n", {}, "line 3: b is 'nan'"),
        ("a,b,kind\n1,2,x\n1,2\n3,4,x\n5,6,y\n", {}, "line 3: 2 cells for 3 columns"),
        (f"a,b,kind\n{ROWS}", {"column": "knd"}, "has no column 'knd'; did you mean kind"),
        (f"a,b,kind\n{ROWS}", {"column": None}, "name the column of mine.csv that is to be predicted"),
        (f"a,b,kind\n{ROWS}", {"features": ["a", "c"]}, "has no column 'c'"),
        (f"a,a,kind\n{ROWS}", {}, "two columns or more, each once"),
        ("a,b,kind\n1,2,x\n1,3,x\n3,4,x\n5,6,x\n", {}, "has 1 different classes; 2 to 20"),
        ("a,b,kind\n1,2,x\n", {}, "has 1 rows; 4 to"),
        ("", {}, "its first line should name two columns"),
        ("a,b,kind\n1,2,x\n1,3,y\n1,4,x\n1,6,y\n", {}, "feature 'a' is the same in all training patterns"),
        ('a,b,kind\n1,"2,x\n', {}, "is not a CSV in UTF-8"),
    ],
)
def test_a_bad_table_is_the_users_mistake(tmp_path: Path, text: str, keys: dict, message: str) -> None:
    path = written(tmp_path / "mine.csv", text)
    given = {"file": path, "column": "kind"} | keys
    with pytest.raises(StudyError, match=message):
        study(**{key: value for key, value in given.items() if value is not None})


def test_a_table_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"can't be read: No such file"):
        study(file=str(tmp_path / "none.csv"), column="kind")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00a,b\n")
    with pytest.raises(StudyError, match=r"is not a CSV in UTF-8"):
        study(file=str(tmp_path / "binary.csv"), column="kind")

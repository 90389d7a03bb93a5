"""[task]: which patterns a network is shown and what it should answer; tables of the user's own are read here."""

import csv
import inspect
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, model_validator

from hge_spice.plain_file import plain_file_size
from hge_spice.study.tables.table import Count, Names, Seed, Table, Text
from hge_spice.study.text.files import suggestion
from hge_spice.study.text.values import level_pairs, one_of, si, two_currents, whole
from hge_spice.tasks import TASKS, Task, from_columns

OPTIONS: dict[str, frozenset[str]] = {
    name: frozenset(inspect.signature(build).parameters) - {"rng"} for name, build in TASKS.items()
}
OF_A_FILE = frozenset({"file", "column", "predict", "test", "features"})
OF_ALL = frozenset({"name", "levels", "targets", "seed", "features", "confirm"})
PREDICTED = ("class", "value")
MOST_CLASSES = 20
MOST_ROWS = 100_000


class TaskChoice(Table):
    """Which patterns a network is shown, and what it should answer."""

    name: Annotated[str, BeforeValidator(one_of("task", (*TASKS, "table")))]
    """What is to be learned; `hge-spice list tasks` names them."""
    levels: Annotated[tuple[tuple[float, float], ...], BeforeValidator(level_pairs)] = ((-0.3, 0.3),)
    """Voltages of low and high: one pair for all inputs, or one per input."""
    targets: Annotated[tuple[float, float] | None, BeforeValidator(two_currents)] = None
    """Outputs of the zeros and the ones, for losses that need them."""
    bits: Count = 2
    """Inputs of a gate."""
    feature: Annotated[int, BeforeValidator(whole(0, most=15))] = 6
    """Which of the 16 patterns of features_2x2."""
    train: Annotated[int, BeforeValidator(whole(2, most=MOST_ROWS))] = 100
    """Patterns to learn from, of tasks that are drawn."""
    test: Annotated[int, BeforeValidator(whole(1, most=MOST_ROWS))] = 400
    """Patterns kept apart; a third of a file's rows if left out."""
    margin: Annotated[float, BeforeValidator(si("ratio", least=0, below=1))] = 0.1
    """Kept free between classes, of tasks that are drawn, in shares of an input's range."""
    noise: Annotated[float, BeforeValidator(si("ratio", least=0))] = 0.1
    """Of tasks that are drawn, in shares of an input's range."""
    features: Names = ()
    """What each input is driven by, in their order; one may drive several."""
    seed: Seed = 0
    """Of what is drawn, and of the split."""
    confirm: Annotated[int, BeforeValidator(whole(0, most=MOST_ROWS))] = 0
    """Patterns of each table that ngspice measures again at the end, where another engine has trained."""
    file: Text | None = None
    """A CSV with a header."""
    column: Text | None = None
    """Of the file: what is to be predicted."""
    predict: Annotated[str, BeforeValidator(one_of("thing to predict", PREDICTED))] = "class"
    """Of the file: the column's classes, or its value."""

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_file(cls, given: Any) -> Any:
        return {"name": "table"} | given if isinstance(given, dict) and "file" in given else given

    @model_validator(mode="after")
    def _can_be_made(self) -> "TaskChoice":
        if (self.name == "table") != (self.file is not None):
            raise ValueError('a table of your own needs file = "data.csv", and no other name')
        known = OF_ALL | (OF_A_FILE if self.file is not None else OPTIONS[self.name])
        odd = sorted(self.model_fields_set - known)
        if odd:
            raise ValueError(f"{', '.join(odd)} is no key of {self.name}{suggestion(odd[0], known)}")
        build_task(self)
        return self


def build_task(choice: TaskChoice) -> Task:
    """The patterns that a study asks for. Raises ValueError where they can't be had."""
    return _of_a_file(choice) if choice.file is not None else _built(choice)


@lru_cache(maxsize=8)
def _built(choice: TaskChoice) -> Task:
    build = TASKS[choice.name]
    options = {key: getattr(choice, key) for key in OPTIONS[choice.name] & choice.model_fields_set}
    if "rng" in inspect.signature(build).parameters:
        options["rng"] = np.random.default_rng(choice.seed)
    task = build(**options)
    return task.shown(choice.features) if choice.features and "features" not in OPTIONS[choice.name] else task


def _of_a_file(choice: TaskChoice) -> Task:
    path = Path(str(choice.file))
    header, rows = _cells(path)
    if choice.column is None:
        raise ValueError(f"name the column of {path.name} that is to be predicted: column = {header[-1]!r}?")
    wanted = choice.features or tuple(name for name in header if name != choice.column)
    for name in (choice.column, *wanted):
        if name not in header:
            raise ValueError(f"{path.name} has no column {name!r}{suggestion(name, header)}")
    if choice.column in wanted:
        raise ValueError(f"{choice.column!r} is what is to be predicted; it can't be a feature too")
    columns = tuple(dict.fromkeys(wanted))
    table = np.array([[_number(path, line, row, header, name) for name in columns] for line, row in rows])
    if choice.predict == "value":
        values = np.array([_number(path, line, row, header, choice.column) for line, row in rows])
        labels: tuple[str, ...] = ()
    else:
        place = header.index(choice.column)
        labels = tuple(sorted({row[place] for _, row in rows}))
        if not 2 <= len(labels) <= MOST_CLASSES:
            raise ValueError(
                f"column {choice.column!r} of {path.name} has {len(labels)} different classes; 2 to {MOST_CLASSES} can "
                'be told apart; if it is a number to be predicted, say predict = "value"'
            )
        values = np.array([labels.index(row[place]) for _, row in rows], dtype=float)
    test = choice.test if "test" in choice.model_fields_set else max(1, len(rows) // 3)
    rng = np.random.default_rng(choice.seed)
    return from_columns(path.stem, table, values, columns=columns, labels=labels, test=test, features=wanted, rng=rng)


def _cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Names of the columns, and of every other row its line and cells. Raises ValueError saying what is wrong where."""
    try:
        plain_file_size(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not a CSV in UTF-8: {error}") from error
    if len(header) < 2 or len(set(header)) < len(header) or not all(header):
        raise ValueError(f"{path} begins with {header!r}; its first line should name two columns or more, each once")
    if not 4 <= len(rows) <= MOST_ROWS:
        raise ValueError(f"{path} has {len(rows)} rows; 4 to {MOST_ROWS} can be learned from")
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(f"{path}, line {line}: {len(row)} cells for {len(header)} columns")
    return header, rows


def _number(path: Path, line: int, row: list[str], header: list[str], column: str) -> float:
    cell = row[header.index(column)]
    try:
        number = float(cell)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"{path}, line {line}: {column} is {cell!r}; it should be a finite number")
    return number

"""Tables of numbers as instruments write them: separators and headers as found, read in pieces, errors by line."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from hge_spice.drive import Floats

PIECE = 1 << 16  # rows
PREAMBLE = 200  # lines that may stand before the first row of numbers
LONGEST = 1 << 16  # characters of a line
SEPARATORS = (";", "\t", ",", " ")
COMMENTS = ("#", "%", "*")
LATE = (
    "has a time that is not after the one before; where stamps have too few digits, leave their column out and give "
    "the sample rate"
)
MISSING = ("", "nan", "na", "n/a", "null", "-")


@dataclass(frozen=True)
class TableTrace:
    """A text file with a row per sample: a column of time, s, unless there is only one, and columns of values.

    names : of all columns, from the header, otherwise column1, column2, …
    timed : whether the first column is time
    skipped : lines before the first row
    """

    path: Path
    names: tuple[str, ...]
    timed: bool
    separator: str
    decimal: str
    skipped: int

    @classmethod
    def open(cls, path: Path) -> "TableTrace":
        """Look at the first lines. Raises ValueError where no row of numbers is among them, OSError."""
        lines: list[str] = []
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                while len(lines) < PREAMBLE and (line := file.readline(LONGEST)):
                    lines.append(line)
                    if len(line) == LONGEST or "\0" in line:
                        raise ValueError(f"{path}, line {len(lines)} is no line of a table")
        except UnicodeDecodeError:
            raise ValueError(f"{path} is no text; CSV and ngspice's raw files are read") from None
        for number, line in enumerate(lines):
            separator = next((s for s in SEPARATORS if s in line.strip()), ",")
            decimal = _decimal(lines[number:], separator)
            cells = [_number(cell, decimal) for cell in _cells(line, separator)]
            if not line.startswith(COMMENTS) and None not in cells and np.isfinite(np.array(cells, dtype=float)).any():
                names = _names(lines[:number], separator, len(cells))
                return cls(path, names, len(cells) > 1, separator, decimal, number)
        raise ValueError(f"{path} has no row of numbers in its first {len(lines)} lines")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of values."""
        return self.names[1:] if self.timed else self.names

    def pieces(self, column: str) -> Iterator[tuple[Floats, Floats]]:
        """Time, s (or the number of the row, where there is none), and one column, PIECE rows at a time.

        A row without a value, or with nan, is left in as nan. Raises ValueError with the line for what is no number,
        not finite, and for a time that is not after the one before.
        """
        import pandas as pd  # noqa: PLC0415 - slow to import, and trials only write .raw

        place, rows, last = self.names.index(column), 0, -np.inf
        used = [0, place] if self.timed else [place]
        try:
            with pd.read_csv(
                self.path,
                sep=r"\s+" if self.separator == " " else self.separator,
                decimal=self.decimal,
                header=None,
                names=list(range(len(self.names))),
                skiprows=self.skipped,
                index_col=False,
                dtype=np.float64,
                na_values=list(MISSING),
                encoding="utf-8-sig",
                skip_blank_lines=False,
                chunksize=PIECE,
                on_bad_lines="error",
            ) as table:
                for frame in table:
                    piece = frame[used].to_numpy()
                    time = piece[:, 0] if self.timed else np.arange(rows, rows + len(piece), dtype=np.float64)
                    value = piece[:, -1]
                    blank = np.isnan(piece).all(axis=1) if self.timed else np.zeros(len(piece), dtype=bool)
                    self._refuse(rows, ~np.isfinite(time) & ~blank, "has no finite time")
                    self._refuse(rows, np.isinf(value), "has a value that is not finite")
                    known = np.flatnonzero(~blank)
                    back = np.zeros(len(piece), dtype=bool)
                    back[known] = np.diff(time[known], prepend=last) <= 0
                    self._refuse(rows, back, LATE)
                    rows += len(piece)
                    if len(known):
                        last = time[known[-1]]
                        yield time[known], value[known]
        except UnicodeDecodeError:
            raise ValueError(f"{self.path} is no text beyond its first lines") from None
        except ValueError as error:  # the parser's own among them
            raise ValueError(self._complaint() or str(error)) from None

    def _refuse(self, rows: int, bad: np.ndarray, what: str) -> None:
        if bad.any():
            raise ValueError(f"{self.path}, line {self.skipped + rows + int(np.argmax(bad)) + 1} {what}")

    def _complaint(self) -> str:
        """The first line that isn't a row of numbers, said in words; read again only once something is wrong."""
        with self.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            for number in count(1):
                line = file.readline()
                if not line:
                    return ""
                if number <= self.skipped or not line.strip():
                    continue
                cells = _cells(line, self.separator)
                if len(cells) > len(self.names):
                    return f"{self.path}, line {number} has {len(cells)} cells; the first row has {len(self.names)}"
                wrong = [cell for cell in cells if _number(cell, self.decimal) is None]
                if wrong:
                    return f"{self.path}, line {number}: {wrong[0][:40]!r} is no number"
        return ""


def _decimal(lines: list[str], separator: str) -> str:
    """The decimal mark: a comma that doesn't separate, where no row has a point."""
    return "," if separator != "," and any("," in x for x in lines) and not any("." in x for x in lines) else "."


def _cells(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line.rstrip("\r\n")], delimiter=separator), [])]


def _number(cell: str, decimal: str) -> float | None:
    """The cell's number, nan where it is empty, None where it is something else."""
    if cell.lower() in MISSING:
        return np.nan
    try:
        return float(cell.replace(decimal, "."))
    except ValueError:
        return None


def _names(head: list[str], separator: str, columns: int) -> tuple[str, ...]:
    """Column names from the last line before the numbers that has as many cells."""
    for line in reversed(head):
        cells = _cells(line.lstrip("#%* "), separator)
        if len(cells) == columns and all(cells) and len(set(cells)) == columns:
            return tuple(cells)
    return tuple(f"column{k + 1}" for k in range(columns))

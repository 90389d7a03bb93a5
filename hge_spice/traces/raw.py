"""ngspice's .raw files: written binary, read binary and ASCII, whole or in pieces."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hge_spice.drive import Floats

Plot = tuple[str, Mapping[str, Floats]]  # title, and vectors by name, the first one being the scale

BINARY, VALUES = b"Binary:\n", b"Values:\n"
PIECE = 1 << 16  # points
HEADER = 1 << 20  # bytes, more than any header


def write_raw(path: Path, plots: Sequence[Plot]) -> None:
    """Write plots of real vectors as one ngspice raw file, binary, eight bytes a value.

    Raises ValueError where a plot's vectors differ in length, OSError where the file can't be written.
    """
    with path.open("wb") as file:
        for title, vectors in plots:
            table = np.array(list(vectors.values()))
            if table.ndim != 2:
                raise ValueError(f"the vectors of plot {title!r} differ in length")
            kinds = (
                "time" if name == "time" else "current" if name.startswith("i(") else "voltage" for name in vectors
            )
            listed = "".join(f"\t{k}\t{n}\t{kind}\n" for k, (n, kind) in enumerate(zip(vectors, kinds, strict=True)))
            header = (
                f"Title: {title}\nPlotname: Transient Analysis\nFlags: real\nNo. Variables: {table.shape[0]}\n"
                f"No. Points: {table.shape[1]}\nVariables:\n{listed}Binary:\n"
            )
            file.write(header.encode())
            file.write(np.ascontiguousarray(table.T, dtype="<f8").tobytes())


@dataclass(frozen=True)
class RawTrace:
    """One plot of a raw file, read in pieces; its first vector is the scale.

    start : bytes before the values, which follow point by point, eight bytes a value; an ASCII file is read at once
    """

    path: Path
    title: str
    names: tuple[str, ...]
    points: int
    start: int
    values: Floats | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the vectors beside the scale."""
        return self.names[1:]

    @property
    def timed(self) -> bool:
        """Whether the scale is time."""
        return self.names[0] == "time"

    def table(self) -> Floats:
        """All values: [point, vector]; a binary file's stay on disk until they are looked at."""
        if self.values is not None:
            return self.values
        if self.points == 0:
            return np.empty((0, len(self.names)))
        return np.memmap(self.path, dtype="<f8", mode="r", offset=self.start, shape=(self.points, len(self.names)))

    def pieces(self, column: str) -> Iterator[tuple[Floats, Floats]]:
        """Time, s, and one vector, PIECE points at a time. Raises ValueError where a time is not after the last."""
        place, last = self.names.index(column), -np.inf
        for first in range(0, self.points, PIECE):
            # a new map each time: what an old one has read would stay in memory
            piece = np.array(self.table()[first : first + PIECE, [0, place]])
            for bad, what in (
                (~np.isfinite(piece[:, 0]), "no finite time"),
                (np.isinf(piece[:, 1]), "no finite value"),
            ):
                if bad.any():
                    raise ValueError(f"{self.path}, point {first + int(np.argmax(bad))} has {what}")
            back = np.diff(piece[:, 0], prepend=last) <= 0
            if back.any():
                raise ValueError(f"{self.path}, point {first + int(np.argmax(back))}: time does not move on")
            last = piece[-1, 0]
            yield piece[:, 0], piece[:, 1]


def read_raw(path: Path) -> list[tuple[str, dict[str, Floats]]]:
    """Read the plots of a raw file of real vectors, binary or ASCII, as ngspice and `write_raw` write it.

    Returns (title, vectors by name) per plot. Raises ValueError where it is something else, or cut short.
    """
    return [
        (plot.title, {name: np.array(plot.table()[:, k]) for k, name in enumerate(plot.names)})
        for plot in raw_plots(path)
    ]


def raw_plots(path: Path) -> list[RawTrace]:
    """The plots of a raw file, binary ones without their values. Raises ValueError as `read_raw` does."""
    plots: list[RawTrace] = []
    size = path.stat().st_size
    with path.open("rb") as file:
        while (at := file.tell()) < size:
            head, kind = _head(path, file)
            fields, names = _header(path, head.decode("ascii", errors="replace"))
            if fields["Flags"].split()[0] != "real":
                raise ValueError(f"{path} holds {fields['Flags']} vectors; only real ones are read")
            count, points = len(names), int(fields["No. Points"])
            title, start = fields.get("Title", ""), file.tell()
            short = f"{path} is cut short: {points} points of {count} vectors are announced"
            if kind == BINARY:
                if points < 0 or size < start + 8 * count * points:
                    raise ValueError(short)
                plots.append(RawTrace(path, title, names, points, start))
                file.seek(start + 8 * count * points)
            else:
                if points < 0 or size - start < 2 * count * points:  # a digit and a space each at least
                    raise ValueError(short)
                values = _ascii_values(path, file, at, count, points, short)
                plots.append(RawTrace(path, title, names, points, start, values))
    return plots


def _head(path: Path, file: BinaryIO) -> tuple[bytes, bytes]:
    """What stands before the values, and the line that announces them."""
    head = b""
    while len(head) < HEADER and (line := file.readline(HEADER)):
        if line in {BINARY, VALUES}:
            return head, line
        head += line
    raise ValueError(f"{path} is no raw file of ngspice")


def _ascii_values(path: Path, file: BinaryIO, at: int, count: int, points: int, short: str) -> Floats:
    """Each point is its number, a value on the same line, and the others on lines of their own."""
    values = np.empty((points, count))
    for point in range(points):
        texts: list[bytes] = []
        while len(texts) < count + 1:
            line = file.readline(HEADER)
            if not line:
                raise ValueError(short)
            texts += line.split()
        try:
            if len(texts) != count + 1 or int(texts[0]) != point:
                raise ValueError  # noqa: TRY301 - said below, as for what is no number
            values[point] = [float(text) for text in texts[1:]]
        except ValueError:
            raise ValueError(f"{path}: point {point} of the plot at byte {at} can't be read") from None
    rest = file.tell()
    while (line := file.readline(HEADER)) and not line.strip():
        rest = file.tell()
    file.seek(rest)
    return values


def _header(path: Path, text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    head, _, variables = text.partition("Variables:\n")
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in head.splitlines())}
    try:
        names = tuple(line.split()[1] for line in variables.splitlines() if line.strip())
        announced = int(fields["No. Variables"])
        int(fields["No. Points"])
        fields["Flags"].split()[0]
    except (KeyError, ValueError, IndexError):
        raise ValueError(f"{path} has no readable raw header") from None
    if announced != len(names):
        raise ValueError(f"{path} announces {announced} variables and lists {len(names)}")
    return fields, names

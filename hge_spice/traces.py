"""Recorded waveforms on disk: ngspice's binary .raw files, written and read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hge_spice.drive import Floats

Plot = tuple[str, Mapping[str, Floats]]  # title, and vectors by name, the first one being the scale


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


def read_raw(path: Path) -> list[tuple[str, dict[str, Floats]]]:
    """Read the plots of a binary raw file of real vectors, as ngspice and `write_raw` write it.

    Returns (title, vectors by name) per plot. Raises ValueError where it is something else, or cut short.
    """
    content = path.read_bytes()
    plots: list[tuple[str, dict[str, Floats]]] = []
    at = 0
    while at < len(content):
        end = content.find(b"Binary:\n", at)
        if end < 0:
            raise ValueError(f"{path} is no binary raw file of ngspice")
        fields, names = _header(path, content[at:end].decode("ascii", errors="replace"))
        if fields["Flags"].split()[0] != "real":
            raise ValueError(f"{path} holds {fields['Flags']} vectors; only real ones are read")
        count, points = len(names), int(fields["No. Points"])
        at = end + len(b"Binary:\n")
        if len(content) < at + 8 * count * points:
            raise ValueError(f"{path} is cut short: {points} points of {count} vectors are announced")
        table = np.frombuffer(content, dtype="<f8", count=count * points, offset=at).reshape(points, count)
        at += 8 * count * points
        plots.append((fields.get("Title", ""), {name: table[:, k].copy() for k, name in enumerate(names)}))
    return plots


def _header(path: Path, text: str) -> tuple[dict[str, str], list[str]]:
    head, _, variables = text.partition("Variables:\n")
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in head.splitlines())}
    names = [line.split()[1] for line in variables.splitlines() if line.strip()]
    try:
        announced = int(fields["No. Variables"])
        int(fields["No. Points"])
        fields["Flags"].split()[0]
    except (KeyError, ValueError, IndexError):
        raise ValueError(f"{path} has no readable raw header") from None
    if announced != len(names):
        raise ValueError(f"{path} announces {announced} variables and lists {len(names)}")
    return fields, names

"""What imperfections add to a drive point by point: tables that hold one value per point of the window."""

from dataclasses import replace

import numpy as np

from hge_spice.drive import Drive, Floats, Tables, Transient


def table_times(transient: Transient) -> Floats:
    """Times of a table's values, s: every point from the start of the measurement to its end and somewhat beyond."""
    count = int(np.ceil(transient.duration / transient.step - 1e-9)) + 2  # the solver's grid begins up to a step late
    return np.asarray(transient.step * np.arange(count))


def added(drive: Drive, electrodes: tuple[str, ...], values: Floats) -> Drive:
    """The drive with more on its electrodes.

    values : [electrode, point], V, at `table_times`. Raises ValueError for a drive with tables of another step.
    """
    before = drive.tables
    if before is None:
        return replace(drive, tables=Tables(electrodes, values, drive.transient.step, held=True))
    if before.step != drive.transient.step or not before.held or before.values.shape[1] != values.shape[1]:
        raise ValueError(
            f"the drive has tables with a step of {before.step:.6g} s; an instrument adds to held ones "
            f"of the window's own step, {drive.transient.step:.6g} s"
        )
    rows = dict(zip(before.electrodes, before.values, strict=True))
    for name, row in zip(electrodes, values, strict=True):
        rows[name] = rows.get(name, 0.0) + row
    return replace(drive, tables=replace(before, electrodes=tuple(rows), values=np.array(list(rows.values()))))

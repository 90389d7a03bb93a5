"""Tables of a drive as files and sources of a netlist: XSPICE's filesource reads them, so that no command line does.

ngspice 39 to 46 read such a file once, when the circuit is first run: other values need the circuit loaded again. A
line of 512 characters and more is cut, and the memory for a file is one value short in rare cases, which an odd number
of columns excludes (filesource's cfunc.mod grows by 1000 values a column and compares with one column too few).
"""

from collections.abc import Sequence

import numpy as np

from hge_spice.drive import Floats, Tables

COLUMNS = 23  # 17 characters each, and the time
BITS = 52


def files(tables: Tables) -> dict[str, bytes]:
    """Content of every file that the netlist of these tables reads, by name."""
    return {
        _name(n): _text(np.vstack([values, np.zeros((1 - len(values) % 2, values.shape[1]))]))
        for n, values in enumerate(_groups(tables))
    }


def sources(tables: Tables, ports: Sequence[str]) -> list[str]:
    """Netlist lines that apply them; ports : of the electrodes, as XSPICE writes them, or with a - to negate values."""
    lines = []
    for n, values in enumerate(_groups(tables)):
        own = ports[n * COLUMNS : n * COLUMNS + len(values)]
        signs = [-1.0 if port.startswith("-") else 1.0 for port in own]
        scales = [sign * _scale(row) * 2.0**-BITS for sign, row in zip(signs, values, strict=True)]
        own = [port.removeprefix("-") for port in own]
        if len(own) % 2 == 0:
            own.append(f"%v(table_{n}_idle)")
            scales.append(0.0)
        lines += [
            f"atable{n} [{' '.join(own)}] table{n}",
            f'.model table{n} filesource(file="{_name(n)}" timescale={tables.step!r} timeoffset=0 timerelative=FALSE',
            f"+ amplstep={str(tables.held).upper()} amplscale=[{' '.join(map(repr, scales))}]",
            f"+ amploffset=[{' '.join(['0'] * len(own))}])",
        ]
    return lines


def _name(number: int) -> str:
    return f"table-{number}.txt"


def _groups(tables: Tables) -> list[Floats]:
    return [tables.values[k : k + COLUMNS] for k in range(0, len(tables.values), COLUMNS)]


def _scale(row: Floats) -> float:
    """The power of two that bounds the values."""
    return float(2.0 ** np.frexp(np.abs(row).max())[1])


def _text(values: Floats) -> bytes:
    """One line per point: its number, and each value as a hexadecimal count of the last bit of the largest.

    Integers in base 16 are exact and read without a search for the nearest double; numpy writes them in one go. The
    last value stays to twice the end, since filesource reads on beyond it.
    """
    count = values.shape[1]
    scaled = [np.rint(row * (2.0**BITS / _scale(row))).astype(np.int64) for row in values]
    table = np.vstack([np.arange(count), *scaled])
    table = np.hstack([table, table[:, -1:], table[:, -1:]])
    table[0, count:] = (2 * count, 4 * count)
    digits = np.frombuffer(np.abs(table).T.astype(">u8").tobytes().hex().encode(), dtype="S1").reshape(
        count + 2, -1, 16
    )
    fields = np.full((*digits.shape[:2], 18), b" ", dtype="S1")
    fields[..., 0] = np.where(table.T < 0, b"-", b"+")
    fields[..., 1:3] = [b"0", b"x"]
    fields[..., 3:17] = digits[..., 2:]
    fields[:, -1, 17] = b"\n"
    return fields.tobytes()

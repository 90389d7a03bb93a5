"""What a badcrossbar user writes: voltages and resistances in, currents out of the columns."""

from dataclasses import dataclass

import numpy as np

from hge_spice.benchmarks.peers.serve import Gradient, serve


@dataclass(frozen=True)
class Crossbar:
    """resistances : [row][column], ohm; line_resistance : ohm, of a line's piece from one crossing to the next."""

    resistances: list[list[float]]
    line_resistance: float


def currents(crossbar: Crossbar) -> Gradient:
    """Currents out of the columns at given row voltages: [column], A."""
    import badcrossbar  # noqa: PLC0415 - who poses the problem needn't have it

    ohm = np.array(crossbar.resistances)
    return lambda voltages, _: badcrossbar.compute(voltages[:, None], ohm, crossbar.line_resistance).currents.output[0]


METHODS = {"currents": currents}

if __name__ == "__main__":
    serve(METHODS, Crossbar)

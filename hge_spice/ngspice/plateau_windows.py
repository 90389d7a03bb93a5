"""One transient of several patterns taken apart: each plateau's points, its window among them, and its energy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import trapezoid

from hge_spice.drive import Floats
from hge_spice.drive.plateaus import Plateaus
from hge_spice.netlist import sine
from hge_spice.ngspice.window import UNIFORM, tone_voltages, window_points


@dataclass(frozen=True)
class Plateau:
    """Where one pattern lies among the points of a transient: all of it, its window, and whether that is uniform."""

    whole: slice
    window: slice
    uniform: bool


def plateau_points(time: Floats, plateaus: Plateaus) -> list[Plateau]:
    """Find every plateau, ramp included, and its window.

    time : [point], s, the solver's own
    """
    transient, slack = plateaus.transient, UNIFORM * plateaus.transient.step
    found = []
    for start in plateaus.starts.tolist():
        first, begin = (int(k) for k in np.searchsorted(time, [start - slack, start + plateaus.dead - slack]))
        end = int(np.searchsorted(time, start + plateaus.pitch + slack))
        window, uniform = window_points(time[begin:end] - start - plateaus.ramp, transient)
        found.append(Plateau(slice(first, end), slice(begin + window.start, begin + window.stop), uniform))
    return found


def powers(
    plateaus: Plateaus,
    levels: Sequence[Mapping[str, float]],
    controls: tuple[str, ...],
    time: Floats,
    currents: Floats,
) -> tuple[Floats, Floats]:
    """Power that all driven electrodes' sources deliver, and that of the tones alone: [point], W, ramps included.

    levels : of each drive, V by electrode; controls : the first of the electrodes, which may carry tones
    currents : [electrode, point], A, into the sources' + ends
    """
    corners = plateaus.corners
    by_electrode = [np.array([each[name] for each in levels]) for name in levels[0]]
    held = np.array([np.interp(time, corners, plateaus.at_corners(values)) for values in by_electrode])
    at_rest = -np.einsum("ek,ek->k", held, currents)
    if not plateaus.tones:
        return at_rest, np.zeros(len(time))
    begins = np.array([sine(tone, plateaus.dead)[3] for tone in plateaus.tones])
    waves = np.where(time >= begins[:, None], tone_voltages(plateaus.tones, time.tobytes()), 0.0)
    rows = [controls.index(tone.electrode) for tone in plateaus.tones]
    tones = -np.einsum("tk,tk->k", waves, currents[rows])
    return at_rest + tones, tones


def integral(power: Floats, time: Floats, points: slice) -> float:
    """∫ power dt over these points, J."""
    return float(trapezoid(power[points], time[points]))

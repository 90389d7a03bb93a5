"""How far a recorder's clock is off the generator's, read from the phases of the tones themselves."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hge_spice.drive import Floats
from hge_spice.lockin.least_squares import fitted

Complexes = NDArray[np.complex128]

SIGNIFICANT = 3.0  # standard errors; below, a clock is left as it is, since correcting it would only add noise
DRIFT_WINDOWS = 4  # two windows give a rate, and a drift needs some to spare
ROUNDS = 20


@dataclass(frozen=True)
class Clock:
    """Recorded time t against the generator's own: t − error·t − ½·drift·t².

    error : of the recorder's rate, relative; positive where it counts too many seconds
    drift : its change, 1/s
    error_stderr, drift_stderr : standard errors of both; nan where they can't be told
    """

    error: float = 0.0
    drift: float = 0.0
    error_stderr: float = np.nan
    drift_stderr: float = np.nan

    def correct(self, time: Floats) -> Floats:
        """The generator's time at these recorded times, s."""
        return time - self.late(time)

    def late(self, time: Floats) -> Floats:
        """How far recorded times run ahead, s."""
        return self.error * time + self.drift * time**2 / 2

    def and_then(self, more: "Clock") -> "Clock":
        """Both corrections together, with the standard errors of the fit that all of them were taken from."""
        kept = self if self.drift != 0 and more.drift == 0 else more
        return replace(kept, error=self.error + more.error, drift=self.drift + more.drift)


def clock_from_phases(response: Complexes, stderr: Floats, time: Floats, frequencies: Floats) -> Clock:
    """Fit error and drift to how the phases of the tones move from window to window.

    All tones see one clock: the phase of tone k moves by −2πf_k·(error·t + ½·drift·t²). A track of increments between
    neighbouring windows gives a first fit without unwrapping; least squares on all phases, each weighted by its tone's
    strength over noise, gives the last (the maximum of the coherent sum over windows).

    response : [window, tone], A; stderr : [tone], A, of one window
    time : [window], s, middles of the windows; frequencies : [tone], Hz
    """
    if len(time) < 2:
        return Clock()
    strength = np.median(np.abs(response) ** 2, axis=0)
    floor = np.maximum(stderr**2, np.finfo(float).eps ** 2 * strength.max())
    weight = np.divide(strength, floor, out=np.zeros_like(strength), where=floor > 0)
    if not weight.any():
        return Clock()
    terms = 2 if len(time) >= DRIFT_WINDOWS else 1
    basis = np.array([time, time**2 / 2])
    centred = basis - basis.mean(axis=1, keepdims=True)
    information = float(np.sum(weight * (2 * np.pi * frequencies) ** 2))
    moved = np.angle(response[1:] * response[:-1].conj())
    track = np.cumsum(-(moved @ (weight * frequencies)) * 2 * np.pi / information)
    fit = fitted(np.column_stack([np.ones(len(time)), *basis[:terms]]), np.append(0.0, track))
    found = np.zeros(2)
    found[:terms] = fit[1:]
    drift_stderr = np.nan
    for used in range(terms, 0, -1):
        normal = information * centred[:used] @ centred[:used].T
        # times in s and their squares differ by orders of magnitude
        scale = np.sqrt(np.diag(normal))
        inverse = np.linalg.inv(normal / np.outer(scale, scale)) / np.outer(scale, scale)
        spread = np.sqrt(np.diag(inverse))
        for _ in range(ROUNDS):
            turned = response * np.exp(2j * np.pi * np.outer(found @ basis, frequencies))
            phase = np.angle(turned * turned.mean(axis=0).conj())
            step = inverse @ (centred[:used] @ (phase @ (-2 * np.pi * weight * frequencies)))
            found[:used] += step
            if np.abs(step / spread).max() < 1e-3:
                break
        if used == 2:
            drift_stderr = float(spread[1])
        if abs(found[used - 1]) >= SIGNIFICANT * spread[used - 1]:
            break
        found[used - 1] = 0.0
    return Clock(float(found[0]), float(found[1]), float(spread[0]), drift_stderr)

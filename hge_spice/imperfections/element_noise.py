"""Noise of one kind, of the device's own elements: predicted by ngspice's `.noise`, or injected beside each element.

`of = "ngspice"`: at every control setting and pattern `.noise` tells what the elements' generators of this kind add to
the output current; noise of that density is added to it. `of = "elements"`: every resistor and diode of the netlist
gets a current source in parallel, a seeded table with a value per point of the window, whose density is that of the
operating point: 4kT/R (Nyquist 1928), 2q|I| (Schottky 1918), ratio·I²/f (Hooge's form of 1/f noise). The network itself
then carries it to the output, through its nonlinearities and capacitors too, at the price of loading the circuit anew
for every measurement.

Either way it is noise of the device as it was made, not of what drift has made of it since.

The same noise by both ways would count twice: `check_together` refuses any mixture.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from hge_spice.drive import INJECTED, Drive, Floats, NoiseSource, NoisyElements
from hge_spice.imperfections.device_noise import KEPT, Predicted
from hge_spice.imperfections.imperfection import Effect, Moment, Setting, Settings
from hge_spice.imperfections.noise import Noise, Pink, white
from hge_spice.imperfections.stimulus import added, table_times

KINDS = ("thermal", "shot", "flicker")
WAYS = ("ngspice", "elements", "off")
LOWEST = 1e-2  # Hz, below which injected flicker noise stays constant

OF = Setting(
    words=WAYS, default="ngspice", about="Whether ngspice predicts it at the output, or every element injects its own."
)


def check_together(chosen: Mapping[str, Settings]) -> None:
    """Refuse noise of the device that would count twice. Raises ValueError."""
    ways = {
        name: str(chosen[name]["of"]) for name in ("device_noise", *(f"{k}_noise" for k in KINDS)) if name in chosen
    }
    acting = {name: of for name, of in ways.items() if of != "off"}
    if "device_noise" in acting and len(acting) > 1:
        raise ValueError(
            f"device_noise is all kinds together; with {', '.join(sorted(acting.keys() - {'device_noise'}))} beside it "
            "noise would count twice: state one or the other"
        )
    if len(set(acting.values())) > 1:
        said = ", ".join(f"{name} of {of}" for name, of in acting.items())
        raise ValueError(f"{said}: predicted and injected noise of one device don't add up; take one way for all kinds")


def effect_of(kind: str, settings: Settings, density: Callable[[NoiseSource], float]) -> Effect:
    """The effect of one kind of noise.

    density : of an element, white, A²/Hz; of flicker noise at 1 Hz
    """
    if settings["of"] == "off":
        return Effect()
    if settings["of"] == "ngspice":
        return Effect(waveform=Predicted(partial(_of_kind, kind)).waveform)
    return Effect(drive=_Injected(kind, density).drive)


def _elements(moment: Moment, kind: str) -> NoisyElements:
    dut = moment.bare
    if not isinstance(dut, NoisyElements):
        named = type(dut).__name__
        raise ValueError(f"{named} knows no {kind} noise of its elements; state it as readout_noise")  # noqa: TRY004 - a study asked
    return dut


def _of_kind(kind: str, moment: Moment, drive: Drive, frequency: Floats) -> tuple[Floats, Floats]:
    kinds = _elements(moment, kind).noise_by_kind(drive.control, drive.inputs, frequency)
    return np.sum(list(kinds.values()), axis=0), kinds[kind]


class _Injected:
    """Added as currents beside the elements; flicker noise goes on between measurements."""

    def __init__(self, kind: str, density: Callable[[NoiseSource], float]) -> None:
        self._kind, self._density = kind, density
        self._known: dict[tuple[bytes, bytes], tuple[NoiseSource, ...]] = {}
        self._slow: dict[str, Pink] = {}

    def drive(self, asked: Drive, moment: Moment) -> Drive:
        key = (asked.control.tobytes(), asked.inputs.tobytes())
        if key not in self._known:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[key] = _elements(moment, self._kind).noise_sources(asked.control, asked.inputs)
        densities = {each.name: self._density(each) for each in self._known[key]}
        noisy = {name: density for name, density in densities.items() if density > 0}
        if not noisy:
            return asked
        time = moment.start + table_times(asked.transient)
        rows = [self._noise(name, density)(time, moment.rng) for name, density in noisy.items()]
        return added(asked, tuple(INJECTED + name for name in noisy), np.array(rows))

    def _noise(self, name: str, density: float) -> Noise:
        if self._kind != "flicker":
            return white(density)
        process = self._slow.setdefault(name, Pink(LOWEST))
        return lambda time, rng: np.asarray(np.sqrt(density) * process.samples(time, rng))

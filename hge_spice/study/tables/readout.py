"""[readout]: how the outputs are read, and the noise of the bench that a gap must stand against."""

from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from hge_spice.graph import Readout as CircuitReadout
from hge_spice.graph.readout import KINDS as READOUTS
from hge_spice.margin import mean_noise
from hge_spice.study.tables.table import Table
from hge_spice.study.text.units import quantity
from hge_spice.study.text.values import one_of, si, yes_or_no

LOAD_NOISE = 1e-16  # V²/Hz, 10 nV/√Hz: an ordinary amplifier across a load
COLOURS = {"white": 0.0, "pink": 1.0}  # α of a density that goes as f^(−α)


class Noise(Table):
    """Noise of the read-out."""

    psd: Annotated[float, BeforeValidator(si("current noise density", above=0))] = 1e-23
    """One-sided density; of a current or at an amplifier's input, and in V²/Hz on a load."""
    at: Annotated[float, BeforeValidator(si("frequency", above=0))] = 1e3
    """The frequency at which it holds."""
    colour: Annotated[str | None, BeforeValidator(one_of("colour", COLOURS))] = None
    """Where it is known: what it adds at each tone goes by it, and error bars need not fit it. White if left out."""

    @property
    def exponent(self) -> float | None:
        """α of a density that goes as f^(−α); None where the colour isn't stated."""
        return None if self.colour is None else COLOURS[self.colour]


class Readout(Table):
    """How the outputs are read; see `graph.readout`."""

    kind: Annotated[str, BeforeValidator(one_of("read-out", READOUTS))] = "current"
    """"current" into a virtual ground, through a "transimpedance" amplifier, or the "voltage" on a load."""
    differential: Annotated[bool, BeforeValidator(yes_or_no)] = False
    """Whether it is the first output less the second."""
    inverting: Annotated[bool | None, BeforeValidator(yes_or_no)] = None
    """Whether the sign is turned; a transimpedance amplifier inverts if this is left out."""
    gain: Annotated[float, BeforeValidator(si("resistance", above=0))] = 1e8
    """Of the transimpedance amplifier."""
    bandwidth: Annotated[float | None, BeforeValidator(si("frequency", above=0))] = None
    """Of the transimpedance amplifier's single pole."""
    load: Annotated[float, BeforeValidator(si("resistance", above=0))] = 1e6
    """From output to ground, or to output_voltage, where a voltage is read."""
    noise: Noise = Noise()
    """Stated noise of the bench; [imperfections] injects some."""

    @model_validator(mode="before")
    @classmethod
    def _voltage_noise(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("kind") != "voltage":
            return given
        noise = given.get("noise", {})
        if not isinstance(noise, dict):
            return given
        density = quantity(noise.get("psd", LOAD_NOISE), "voltage noise density")
        return {**given, "noise": {**noise, "psd": density}}

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Readout":
        for key, kind in (("gain", "transimpedance"), ("bandwidth", "transimpedance"), ("load", "voltage")):
            if key in self.model_fields_set and self.kind != kind:
                raise ValueError(f'{key} belongs to the read-out "{kind}"; this one is "{self.kind}"')
        return self

    @property
    def circuit(self) -> CircuitReadout:
        """What the netlist needs of it."""
        return CircuitReadout(**self.model_dump(exclude={"noise"}))

    @property
    def density(self) -> float:
        """Noise of the output that is trained, A²/Hz or V²/Hz: amplified as it is, twice for a difference."""
        gain = self.gain if self.kind == "transimpedance" else 1.0
        return self.noise.psd * gain**2 * (2 if self.differential else 1)

    def mean_noise(self, window: float) -> float:
        """What it leaves of a mean over one window, A or V; window : s."""
        return mean_noise(self.density, window, self.noise.at, self.noise.exponent)

"""What is altered in a loaded circuit, as the values of alter commands by what they alter: tones, a corner."""

from functools import lru_cache

from hge_spice import netlist
from hge_spice.devices.in_place import InPlace
from hge_spice.drive import Tone
from hge_spice.ngspice.loaded import TEMPERATURE, TRUNCATION

# ngspice's default; and so far that the steps asked for are those taken. The charges of transistors of a few fF make it
# take three times as many where 1 fA of their currents, of nA, is all there is to gain
CAREFUL, EVEN = "7.0", "1000.0"


@lru_cache(maxsize=32)  # the same at every pattern and step of a training; `.ac` asks for a control after the other
def perturbation(
    controls: tuple[str, ...], tones: tuple[Tone, ...], settle: float, probe: str | None, *, playing: bool
) -> dict[str, str]:
    """Tones, if any are `playing`, and the control that `.ac` drives, as alter commands by what they alter."""
    on = {tone.electrode: tone for tone in tones}
    settings: dict[str, str] = {}
    for name in controls:
        source = netlist.tone_source(name)
        if playing:
            arguments = netlist.sine(on.get(name, Tone(name, 1.0, 0.0)), settle)
            settings[f"@{source}[sin]"] = f"[ {' '.join(map(repr, arguments))} ]"
        settings[f"{source} acmag"] = "1" if name == probe else "0"
    return settings


def placement(placed: InPlace) -> dict[str, str]:
    """What makes a circuit of the common one, by what it alters."""
    celsius = {} if placed.temperature is None else {TEMPERATURE: repr(placed.temperature - 273.15)}
    return (
        celsius
        | {TRUNCATION: CAREFUL}
        | {f"@{name}[{what}]": repr(value) for (name, what), value in placed.values.items()}
    )

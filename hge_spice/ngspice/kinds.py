"""Which kind of noise each source in ngspice's `.noise` is, and the noise of each card that a netlist shows.

With a summary asked for, `.noise` gives the output's density for every generator by name: onoise_r1_thermal,
onoise_d1_id, onoise.m.x1.m1.1overf. Resistances within a device (rs, rd, rb, …) are thermal, as is the channel (id) of
a field-effect transistor; the id of a diode, a bipolar transistor's ic and ib and gate currents (igs, …) are shot noise
(ngspice manual, chapter on noise; its dionoise.c, bjtnoise.c, mos1noi.c, b4noi.c).
"""

import re
from collections.abc import Callable, Mapping, Sequence

from PySpice.Spice.BasicElement import Diode, Resistor
from PySpice.Spice.Netlist import Circuit
from scipy.constants import Boltzmann, elementary_charge, zero_Celsius

from hge_spice.devices.element import NOMINAL_TEMPERATURE
from hge_spice.drive import Floats, NoiseSource, SimulationError

KINDS = ("thermal", "shot", "flicker", "other")
SILENT = "RDVCLBEFGH"  # letters of cards whose noise is known here: resistors' and diodes', and no other's
_TOTAL = "onoise_spectrum"
# simple models write onoise_d1_id, the BSIM ones onoise.m1.id
_GENERATOR = re.compile(r"(?P<device>onoise[_.](?P<letter>[a-z]).*)[_.](?P<generator>[^_.]+)")
ROUNDING = 1e-6  # share of the output's density that is lost in printing and adding
_CHANNELS = "mjz"  # letters of field-effect transistors


def by_kind(names: Sequence[str], densities: Floats) -> dict[str, float]:
    """Share the output's density out among KINDS; `other` is what no generator of a known kind accounts for.

    names : of `.noise`'s vectors; densities : [name], one-sided, in the unit of onoise_spectrum squared

    Raises SimulationError where generators add up to more than the output has.
    """
    known = dict(zip(names, densities.tolist(), strict=True))
    total = known.pop(_TOTAL)
    found = dict.fromkeys(KINDS, 0.0)
    for name, density in known.items():
        parts = _GENERATOR.fullmatch(name)
        if parts and parts["device"] in known:
            found[_kind(parts["letter"], parts["generator"])] += density
    rest = total - sum(found.values())
    if rest < -ROUNDING * total:
        raise SimulationError(
            f"ngspice's generators of noise add up to {total - rest:.6g}, and its output has {total:.6g}; take all of "
            "it: device_noise"
        )
    found["other"] += rest if rest > ROUNDING * total else 0.0
    return found


def _kind(letter: str, generator: str) -> str:
    if generator == "1overf":
        return "flicker"
    if generator == "thermal" or generator.startswith("r") or (generator == "id" and letter in _CHANNELS):
        return "thermal"
    return "shot" if generator.startswith("i") else "other"


def cards(circuit: Circuit, current: Callable[[Sequence[str]], Mapping[str, float]]) -> tuple[NoiseSource, ...]:
    """What every resistor and diode of a netlist makes: 4kT/R and 2q|I|.

    current : names of ngspice quantities -> their values at the operating point

    Raises ValueError where the netlist has none, or cards whose noise isn't known here.
    """
    elements = list(circuit.elements)
    resistors = [each for each in elements if isinstance(each, Resistor)]
    diodes = [each for each in elements if isinstance(each, Diode)]
    # what is written as text, blocks and transistors, is none of PySpice's elements
    strange = sorted({line[0].upper() for line in str(circuit).splitlines()[1:] if line[:1].isalpha()} - set(SILENT))
    if strange or not resistors + diodes:
        what = f"{', '.join(strange)} cards" if strange else "neither resistors nor diodes"
        raise ValueError(
            f'the netlist has {what}, whose noise is not known element by element; leave it to ngspice: of = "ngspice"'
        )
    voltages = current([node for each in resistors for node in each.node_names if node != "0"])
    currents = current([f"@{each.name.lower()}[id]" for each in diodes])
    found = []
    for each in resistors:
        ends = tuple(each.node_names)
        fall = voltages.get(ends[0], 0.0) - voltages.get(ends[1], 0.0)
        kelvin = NOMINAL_TEMPERATURE if each.temperature is None else float(each.temperature) + zero_Celsius
        ohm = float(each.resistance)
        found.append(NoiseSource(each.name.lower(), ends, 4 * Boltzmann * kelvin / ohm, 0.0, fall / ohm))
    for each in diodes:
        amperes = currents[f"@{each.name.lower()}[id]"]
        shot = 2 * elementary_charge * abs(amperes)
        found.append(NoiseSource(each.name.lower(), tuple(each.node_names), 0.0, shot, amperes))
    return tuple(found)

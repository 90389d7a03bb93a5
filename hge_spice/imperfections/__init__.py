"""The imperfections, one file each: of the circuit (graph to graph), of the instrument (wrappers around a DUT)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hge_spice.drive import DeviceUnderTest, SmallSignalDevice
from hge_spice.graph import Network
from hge_spice.imperfections import (
    adc,
    ageing,
    clock,
    control_noise,
    crosstalk,
    dac,
    device_drift,
    device_noise,
    drift,
    faults,
    flicker_noise,
    lockin_offset,
    mains,
    mismatch,
    parasitics,
    quadrature_error,
    readout_noise,
    shot_noise,
    source_resistance,
    telegraph_noise,
    temperature,
    temperature_cycle,
    thermal_noise,
    tia,
    variability,
)
from hge_spice.imperfections.element_noise import check_together
from hge_spice.imperfections.imperfection import Effect, Imperfect, Imperfection, ImperfectKnown, Passed, Settings

# First what changes the network itself, then by distance from the device: what a source's voltage meets last before it,
# then what a current meets on its way from the device to the one who reads it. A study's are applied in this order,
# however they are written.
IMPERFECTIONS: dict[str, Imperfection] = {
    "temperature": temperature.IMPERFECTION,
    "mismatch": mismatch.IMPERFECTION,
    "faults": faults.IMPERFECTION,
    "parasitics": parasitics.IMPERFECTION,
    "source_resistance": source_resistance.IMPERFECTION,
    "crosstalk": crosstalk.IMPERFECTION,
    "device_noise": device_noise.IMPERFECTION,
    "thermal_noise": thermal_noise.IMPERFECTION,
    "shot_noise": shot_noise.IMPERFECTION,
    "flicker_noise": flicker_noise.IMPERFECTION,
    "variability": variability.IMPERFECTION,
    "device_drift": device_drift.IMPERFECTION,
    "ageing": ageing.IMPERFECTION,
    "temperature_cycle": temperature_cycle.IMPERFECTION,
    "control_noise": control_noise.IMPERFECTION,
    "dac": dac.IMPERFECTION,
    "drift": drift.IMPERFECTION,
    "telegraph_noise": telegraph_noise.IMPERFECTION,
    "mains": mains.IMPERFECTION,
    "tia": tia.IMPERFECTION,
    "readout_noise": readout_noise.IMPERFECTION,
    "clock": clock.IMPERFECTION,
    "adc": adc.IMPERFECTION,
    "lockin_offset": lockin_offset.IMPERFECTION,
    "quadrature_error": quadrature_error.IMPERFECTION,
}

# those that change the device or the bench with time, so that what was trained may be lost without being touched
OVER_TIME = frozenset({"device_drift", "ageing", "temperature_cycle", "drift"})

__all__ = [
    "IMPERFECTIONS",
    "OVER_TIME",
    "Effect",
    "Imperfect",
    "Imperfection",
    "altered",
    "carried_on",
    "check_together",
    "seen_through",
]


def altered(graph: Network, chosen: Mapping[str, Settings], seed: int) -> Network:
    """The network as it was made, with the circuit's imperfections among those chosen; the graph itself stays as it is.

    Raises ValueError where one doesn't fit the network, KeyError for a name that isn't among IMPERFECTIONS.
    """
    _known(chosen)
    for name, imperfection in IMPERFECTIONS.items():
        if name in chosen:
            rng = np.random.default_rng((seed, *name.encode()))
            graph = imperfection.make(chosen[name]).graph(graph, rng)
    return graph


def beside_the_circuit(chosen: Mapping[str, Settings]) -> bool:
    """Whether some change what is played or read, point by point as noise does, and not just what the device is.

    Raises KeyError for a name that isn't among IMPERFECTIONS.
    """
    _known(chosen)
    effects, none = (IMPERFECTIONS[name].make(settings) for name, settings in chosen.items()), Effect()
    return any(
        (each.drive is not none.drive and not each.lasting) or each.waveform is not none.waveform for each in effects
    )


def seen_through(
    dut: DeviceUnderTest, chosen: Mapping[str, Settings], seed: int, pause: float = 0.0
) -> DeviceUnderTest:
    """Wrap a device into the imperfections chosen, by name and with SI settings; without any it is returned as it is.

    pause : s that pass at the bench beside every measurement

    Each draws from a seed of its own, made of `seed` and its name: adding one doesn't change what another does.
    Raises KeyError for a name that isn't among IMPERFECTIONS, ValueError for noise that would count twice.
    """
    _known(chosen)
    check_together(chosen)
    for name, imperfection in IMPERFECTIONS.items():
        if name in chosen:
            dut = _wrapped(dut, name, imperfection.make(chosen[name]), seed, Passed(pause=pause))
    return dut


def carried_on(
    before: DeviceUnderTest, dut: DeviceUnderTest, changed: Mapping[str, Settings], seed: int
) -> DeviceUnderTest:
    """Wrap a device into the imperfections around another, which go on from where they are; `changed` ones begin anew.

    Raises KeyError for a name that isn't among IMPERFECTIONS. The one before is to be used no more: what both remember
    is one thing.
    """
    _known(changed)
    there: dict[str, Imperfect[Any]] = {}
    pause = before.passed.pause if isinstance(before, Imperfect) else 0.0
    while isinstance(before, Imperfect):
        there[before.name] = before
        before = before.inner
    for name, imperfection in IMPERFECTIONS.items():
        if name in changed:
            dut = _wrapped(dut, name, imperfection.make(changed[name]), seed, Passed(pause=pause))
        elif name in there:
            dut = there[name].around(dut)
    return dut


def _wrapped(dut: DeviceUnderTest, name: str, effect: Effect, seed: int, passed: Passed) -> Imperfect[Any]:
    own = (seed, *name.encode())
    if isinstance(dut, SmallSignalDevice):
        return ImperfectKnown(dut, effect, own, name, passed)
    return Imperfect(dut, effect, own, name, passed)


def _known(chosen: Mapping[str, Settings]) -> None:
    unknown = chosen.keys() - IMPERFECTIONS.keys()
    if unknown:
        raise KeyError(f"no imperfection {', '.join(sorted(unknown))}; there are {', '.join(IMPERFECTIONS)}")

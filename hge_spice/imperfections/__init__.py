"""The imperfections of an instrument, one file each: wrappers around a device under test that are one themselves."""

from collections.abc import Mapping

from hge_spice.drive import DeviceUnderTest, SmallSignalDevice
from hge_spice.imperfections import (
    adc,
    clock,
    control_noise,
    dac,
    device_noise,
    drift,
    lockin_offset,
    mains,
    quadrature_error,
    readout_noise,
    telegraph_noise,
    tia,
)
from hge_spice.imperfections.imperfection import Effect, Imperfect, Imperfection, ImperfectKnown, Settings

# By distance from the device: first what a source's voltage meets last before it, then what a current meets on its way
# from the device to the one who reads it. A study's are applied in this order, however they are written.
IMPERFECTIONS: dict[str, Imperfection] = {
    "device_noise": device_noise.IMPERFECTION,
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

__all__ = ["IMPERFECTIONS", "Effect", "Imperfect", "Imperfection", "seen_through"]


def seen_through(dut: DeviceUnderTest, chosen: Mapping[str, Settings], seed: int) -> DeviceUnderTest:
    """Wrap a device into the imperfections chosen, by name and with SI settings; without any it is returned as it is.

    Each draws from a seed of its own, made of `seed` and its name: adding one doesn't change what another does.
    Raises KeyError for a name that isn't among IMPERFECTIONS.
    """
    unknown = chosen.keys() - IMPERFECTIONS.keys()
    if unknown:
        raise KeyError(f"no imperfection {', '.join(sorted(unknown))}; there are {', '.join(IMPERFECTIONS)}")
    for name, imperfection in IMPERFECTIONS.items():
        if name in chosen:
            effect, own = imperfection.make(chosen[name]), (seed, *name.encode())
            if isinstance(dut, SmallSignalDevice):
                dut = ImperfectKnown(dut, effect, own)
            else:
                dut = Imperfect(dut, effect, own)
    return dut

"""The seam of the whole package: a device under test takes a drive and gives a waveform. Nothing above knows SPICE."""

from hge_spice.drive.device import (
    ChangingDevice,
    DeviceUnderTest,
    ExactDevice,
    ExactOutputs,
    ManyAtOnce,
    NoiseSource,
    NoisyDevice,
    NoisyElements,
    SmallSignalDevice,
    all_points,
    all_responses,
    measure_all,
)
from hge_spice.drive.drive import AS_MADE, INJECTED, Condition, Drive, Floats, Tables, Tone, Transient
from hge_spice.drive.waveform import SimulationError, Waveform
from hge_spice.drive.wrapped import Wrapped, WrappedKnown, innermost

__all__ = [
    "AS_MADE",
    "INJECTED",
    "ChangingDevice",
    "Condition",
    "DeviceUnderTest",
    "Drive",
    "ExactDevice",
    "ExactOutputs",
    "Floats",
    "ManyAtOnce",
    "NoiseSource",
    "NoisyDevice",
    "NoisyElements",
    "SimulationError",
    "SmallSignalDevice",
    "Tables",
    "Tone",
    "Transient",
    "Waveform",
    "Wrapped",
    "WrappedKnown",
    "all_points",
    "all_responses",
    "innermost",
    "measure_all",
]

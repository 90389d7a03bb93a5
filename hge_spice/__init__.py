"""Train networks in their own material: homodyne gradient extraction on circuits, simulated by ngspice."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hge_spice.devices.subcircuit import block_of
    from hge_spice.drive import DeviceUnderTest, Drive, SimulationError, Tables, Tone, Transient, Waveform
    from hge_spice.gradient import Estimate, Measurement, homodyne, small_signal
    from hge_spice.graph import assign_roles, dopant_network
    from hge_spice.lockin import Demodulated, demodulate
    from hge_spice.ngspice.device import NgspiceDevice
    from hge_spice.study.steps import training
    from hge_spice.tones import TonePlan, plan_tones
    from hge_spice.train import Recipe, Step

# Imported when first asked for: a worker process needs a tenth of this, and starts in a third of the time.
_HOMES = {
    "devices.subcircuit": ("block_of",),
    "drive": ("DeviceUnderTest", "Drive", "SimulationError", "Tables", "Tone", "Transient", "Waveform"),
    "gradient": ("Estimate", "Measurement", "homodyne", "small_signal"),
    "graph": ("assign_roles", "dopant_network"),
    "lockin": ("Demodulated", "demodulate"),
    "ngspice.device": ("NgspiceDevice",),
    "study.steps": ("training",),
    "tones": ("TonePlan", "plan_tones"),
    "train": ("Recipe", "Step"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Demodulated",
    "DeviceUnderTest",
    "Drive",
    "Estimate",
    "Measurement",
    "NgspiceDevice",
    "Recipe",
    "SimulationError",
    "Step",
    "Tables",
    "Tone",
    "TonePlan",
    "Transient",
    "Waveform",
    "assign_roles",
    "block_of",
    "demodulate",
    "dopant_network",
    "homodyne",
    "plan_tones",
    "small_signal",
    "training",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"hge_spice has no {name!r}")
    found = getattr(import_module(f"hge_spice.{_HOME[name]}"), name)
    globals()[name] = found  # so that it is asked for once, and who looks into the module sees it
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

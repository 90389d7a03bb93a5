"""Pictures for the report and for notebooks, one kind a file: records in SI units become matplotlib Figures.

No state is kept. Those that take more to import, or that few need, are imported from their own files: allan, circuit,
data, element, estimators, signoff.
"""

from hge_spice.plot.cost import cost_against_size
from hge_spice.plot.derivatives import gradient_against_truth
from hge_spice.plot.error_budget import budget
from hge_spice.plot.graph import ELEMENT_STYLES, MANY, ROLE_STYLES, network
from hge_spice.plot.harmonics import amplitude_spectrum, spectrum
from hge_spice.plot.outputs import truth_table
from hge_spice.plot.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PREFIXES,
    PURPLE,
    SKY,
    START_COLOURS,
    VERMILLION,
    WIDTH,
    lay_out,
    panel,
    plain,
    scale,
    si,
)
from hge_spice.plot.training import control_curves, loss_curves

__all__ = [
    "BLUE",
    "ELEMENT_STYLES",
    "GREEN",
    "GREY",
    "MANY",
    "ORANGE",
    "PREFIXES",
    "PURPLE",
    "ROLE_STYLES",
    "SKY",
    "START_COLOURS",
    "VERMILLION",
    "WIDTH",
    "amplitude_spectrum",
    "budget",
    "control_curves",
    "cost_against_size",
    "gradient_against_truth",
    "lay_out",
    "loss_curves",
    "network",
    "panel",
    "plain",
    "scale",
    "si",
    "spectrum",
    "truth_table",
]

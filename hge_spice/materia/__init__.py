"""Learning in materia: a circuit around the device under test that extracts, multiplies, integrates, and so learns."""

from hge_spice.materia.circuit import Circuit
from hge_spice.materia.deck import learning_deck
from hge_spice.materia.error import ERRORS, Teacher
from hge_spice.materia.loop import averaged_loop
from hge_spice.materia.sequencer import Schedule
from hge_spice.materia.trajectory import Trajectory, read_trajectory

__all__ = [
    "ERRORS",
    "Circuit",
    "Schedule",
    "Teacher",
    "Trajectory",
    "averaged_loop",
    "learning_deck",
    "read_trajectory",
]

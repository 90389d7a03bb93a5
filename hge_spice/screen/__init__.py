"""Screening: which electrodes should be output and inputs, judged by operating points at random controls."""

from hge_spice.screen.confirm import AGREEMENT, confirm
from hge_spice.screen.engines import check_readout
from hge_spice.screen.search import Choice, rounds, screen

__all__ = ["AGREEMENT", "Choice", "check_readout", "confirm", "rounds", "screen"]

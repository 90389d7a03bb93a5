"""What is said of a transient that died."""

import numpy as np

from hge_spice.ngspice.session import Result
from hge_spice.ngspice.waveforms import stopped

SMALL = ("doAnalyses: TRAN:  Timestep too small; time = 0.0177393, timestep = 8e-16", "run simulation(s) aborted")


def test_an_unstable_operating_point_is_suspected_where_the_step_got_too_small() -> None:
    died = str(stopped(Result(np.array([0.0, 0.0177393]), np.empty((0, 2)), SMALL), 0.025))
    assert died.startswith("ngspice stopped at 0.0177393 s of 0.025 s; the operating point it began at may be unstable")
    assert "Timestep too small" in died
    # not where it had no point to begin at, nor for another reason
    assert "unstable" not in str(stopped(Result(np.array([0.0]), np.empty((0, 1)), SMALL), 0.025))
    assert "unstable" not in str(stopped(Result(np.array([0.0, 0.01]), np.empty((0, 2)), ("disk full",)), 0.025))

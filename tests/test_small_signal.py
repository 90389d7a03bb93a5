"""The truth at a tone, where poles turn a response and where a capacitance bypasses the device."""

import numpy as np
import pytest

from hge_spice.devices.subcircuit import block
from hge_spice.gradient import Measurement, homodyne, small_signal
from hge_spice.gradient.small_signal import linearise
from hge_spice.graph import assign_roles
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.tones import plan_from_harmonics

WINDOW, HARMONIC, POINTS = 10e-3, 3, 400
ANGULAR = 2 * np.pi * HARMONIC / WINDOW
OHM = 1e6
MEASUREMENT = Measurement(
    plan_from_harmonics((HARMONIC,), WINDOW, points=POINTS), np.array([1e-3]), np.zeros(1), settle=WINDOW
)
CONTROL, PATTERNS = np.array([0.2]), np.array([[0.1]])


def device(lines: str) -> NgspiceDevice:
    graph = block(text=f".subckt two x c out\nrx x out 10meg\n{lines}\n.ends", name="two", pins=["x", "c", "out"])
    return NgspiceDevice(assign_roles(graph, output="out", inputs=["x"], controls=["c"]))


@pytest.mark.parametrize("share", [0.2, 1.0, 10.0, 100.0])  # quadrature over in-phase part
def test_a_capacitance_past_the_device_is_no_derivative(share: float) -> None:
    """H = g + jωC, g = 1/R: the read-out at rest moves by g, and so says the part in phase."""
    farad = share / OHM / ANGULAR
    with device(f"rc c out {OHM}\ncc c out {farad!r}") as dut:
        (truth,) = linearise(dut, CONTROL, PATTERNS, MEASUREMENT)
        (found,) = homodyne(dut, CONTROL, PATTERNS, MEASUREMENT)
    assert truth.response[0] == pytest.approx((1 + 1j * share) / OHM, rel=1e-6)
    assert truth.estimate.jacobian[0] == pytest.approx(1 / OHM, rel=1e-6)
    assert truth.at_rest[0] == pytest.approx(1 / OHM, rel=1e-6)
    assert np.tan(truth.lag[0]) == pytest.approx(share, rel=1e-6)
    assert found.jacobian[0] == pytest.approx(1 / OHM, rel=1e-3)
    assert "lag" in found.flags


@pytest.mark.parametrize("late", [0.1, 1.0, 10.0])  # ωτ
def test_a_pole_leaves_the_magnitude(late: float) -> None:
    """H = g/(1 + jωτ), τ = RC/2 between two halves of R: |H| is nearer to g than its part in phase."""
    farad = late * 4 / OHM / ANGULAR
    with device(f"r1 c m {OHM / 2}\ncm m 0 {farad!r}\nr2 m out {OHM / 2}") as dut:
        (truth,) = linearise(dut, CONTROL, PATTERNS, MEASUREMENT)
    assert truth.at_rest[0] == pytest.approx(1 / OHM, rel=1e-4)
    assert truth.estimate.jacobian[0] == pytest.approx(1 / OHM / np.hypot(1, late), rel=1e-6)
    assert truth.lag[0] == pytest.approx(-np.arctan(late), rel=1e-6)


def test_without_poles_the_truth_is_what_it_is_at_rest() -> None:
    with device(f"rc c out {OHM}") as dut:
        (truth,) = linearise(dut, CONTROL, PATTERNS, MEASUREMENT)
        (estimate,) = small_signal(dut, CONTROL, PATTERNS, MEASUREMENT)
    assert not truth.turned.any()
    assert len(estimate.lag) == 0
    assert estimate.jacobian[0] == truth.at_rest[0] == pytest.approx(1 / OHM, rel=1e-6)

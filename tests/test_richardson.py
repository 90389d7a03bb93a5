from collections.abc import Iterator

import numpy as np
import pytest
from test_gradient import Polynomial

from hge_spice.devices.subcircuit import block
from hge_spice.drive import DeviceUnderTest
from hge_spice.gradient import ESTIMATORS, Measurement, half_amplitude_bias, homodyne, homodyne_richardson, small_signal
from hge_spice.graph import assign_roles
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.planner.phases import random_phases
from hge_spice.tones import plan_tones

WINDOW = 25e-3
PATTERNS = np.array([(-0.3, -0.3), (-0.3, 0.3), (0.3, -0.3), (0.3, 0.3)])
SINH = """.subckt bent x y c1 c2 c3 out
b1 c1 n i=1u*sinh(v(c1,n)/0.1)
b2 c2 n i=2u*sinh(v(c2,n)/0.15)
b3 c3 m i=1u*sinh(v(c3,m)/0.1)
b4 x n i=1u*sinh(v(x,n)/0.1)
b5 y m i=1u*sinh(v(y,m)/0.1)
b6 n m i=1u*sinh(v(n,m)/0.1)
b7 m out i=3u*sinh(v(m,out)/0.1)
.ends"""


@pytest.fixture(scope="module")
def bent() -> Iterator[NgspiceDevice]:
    pins = ["x", "y", "c1", "c2", "c3", "out"]
    graph = assign_roles(
        block(text=SINH, name="bent", pins=pins), output="out", inputs=["x", "y"], controls=["c1", "c2", "c3"]
    )
    with NgspiceDevice(graph) as dut:
        yield dut


def slopes(dut: DeviceUnderTest, amplitudes: tuple[float, ...], settings: int) -> tuple[float, float]:
    """Exponents of amplitude in the rms error over all settings, patterns and controls: plain and extrapolated."""
    rng, count = np.random.default_rng(5), len(dut.controls)
    plan = plan_tones(count, WINDOW)
    found = np.zeros((2, len(amplitudes)))
    for _ in range(settings):
        control, phase = rng.uniform(-0.3, 0.3, count), random_phases(count, rng)
        for a, amplitude in enumerate(amplitudes):
            asked = Measurement(plan, np.full(count, amplitude), phase)
            truth = np.array([t.jacobian for t in small_signal(dut, control, PATTERNS, asked)])
            for e, estimator in enumerate((homodyne, ESTIMATORS["homodyne_richardson"])):
                estimate = np.array([f.jacobian for f in estimator(dut, control, PATTERNS, asked)])
                found[e, a] += np.sum((estimate - truth) ** 2) / np.sum(truth**2)
    plain, extrapolated = (np.polyfit(np.log(amplitudes), np.log(row) / 2, 1)[0] for row in found)
    return float(plain), float(extrapolated)


def test_bias_falls_as_amplitude_squared_and_to_the_fourth_on_sinh_elements(bent: NgspiceDevice) -> None:
    plain, extrapolated = slopes(bent, (20e-3, 40e-3, 80e-3), settings=2)
    assert plain == pytest.approx(2.0, abs=0.05)
    assert extrapolated == pytest.approx(4.0, abs=0.3)


def test_bias_falls_as_amplitude_squared_and_to_the_fourth_on_the_dopant_network(device: NgspiceDevice) -> None:
    plain, extrapolated = slopes(device, (1e-3, 2e-3, 4e-3), settings=2)
    assert plain == pytest.approx(2.0, abs=0.05)
    assert extrapolated == pytest.approx(4.0, abs=0.3)


def test_half_the_amplitude_tells_the_bias(bent: NgspiceDevice) -> None:
    control, plan = np.array([0.1, -0.2, 0.15]), plan_tones(3, WINDOW)
    full, half = (
        homodyne(bent, control, PATTERNS[:1], Measurement(plan, np.full(3, a), np.arange(3.0)))[0] for a in (2e-2, 1e-2)
    )
    truth = small_signal(bent, control, PATTERNS[:1], Measurement(plan, np.full(3, 2e-2), np.arange(3.0)))[0]
    told, stderr = half_amplitude_bias(full, half)
    assert np.abs(told - (full.jacobian - truth.jacobian)).max() < 0.05 * np.abs(told).max()
    assert (stderr >= 0).all()
    # and agrees with what the 3rd-order products of one measurement predict
    assert np.abs(told - full.bias).max() < 0.05 * np.abs(told).max()


def test_noise_hides_an_extrapolated_derivative_by_the_bound_of_all_estimators() -> None:
    """The stated noise counts too: behind an instrument that adds none, the largest must be five times what it does."""
    dut = Polynomial()
    dut.curvature = np.zeros((3, 3))
    noise = np.sqrt(65) / 3 / (1e-3 * np.sqrt(WINDOW))  # of a derivative, per root of the density
    for share, hidden in ((4.5, True), (5.5, False)):
        density = (np.abs(dut.slope).max() / share / noise) ** 2
        asked = Measurement(plan_tones(3, WINDOW), np.full(3, 1e-3), np.arange(3.0), noise_density=density)
        found = homodyne_richardson(dut, np.zeros(3), np.zeros((1, 1)), asked)[0]
        assert ("low_snr" in found.flags) == hidden

from dataclasses import replace

import numpy as np
import pytest
from test_gradient import Polynomial, measurement

from hge_spice.calibrate import SMALLEST, choose_amplitude, choose_amplitudes, choose_settle
from hge_spice.drive import Drive, Waveform
from hge_spice.gradient import homodyne

RANGE = (-0.7, 0.7)
PATTERNS = np.zeros((2, 1))


@pytest.mark.parametrize("density", [1e-27, 1e-25, 1e-24])
@pytest.mark.parametrize("noisy", [False, True])
def test_amplitude_is_where_noise_meets_curvature(density: float, noisy: bool) -> None:
    """For a cubic device the best amplitude is known: a⁶ = S/T / (2·b²), b = ¾·c."""
    asked = measurement(1e-3, density=density)
    cubic = 4e-9
    noise = np.sqrt(density / (2 * asked.transient.step)) if noisy else 0.0
    best = (density / asked.plan.window / (2 * (0.75 * cubic) ** 2)) ** (1 / 6)
    chosen = choose_amplitude(Polynomial(noise, cubic), np.zeros(3), PATTERNS, asked, RANGE)
    assert chosen.amplitude == pytest.approx(best, rel=0.3 if noisy else 0.05)
    assert chosen.cost.extractions >= 2
    assert chosen.cost.simulated_seconds == pytest.approx(chosen.cost.extractions * asked.plan.window)


def test_more_noise_asks_for_more_amplitude_up_to_a_tenth_of_the_range() -> None:
    found = [
        choose_amplitude(Polynomial(0.0, 4e-9), np.zeros(3), PATTERNS, measurement(1e-3, density=s), RANGE).amplitude
        for s in (1e-28, 1e-25, 1e-22, 1e-15)
    ]
    assert found == sorted(found)
    assert found[-1] == pytest.approx(0.14)


def test_without_noise_the_bias_alone_decides() -> None:
    chosen = choose_amplitude(Polynomial(0.0, 4e-9), np.zeros(3), PATTERNS, measurement(1e-3), RANGE)
    bias = 0.75 * 4e-9 * chosen.amplitude**2
    assert bias * np.sqrt(3) == pytest.approx(1e-3 * 2e-9, rel=0.2)
    assert chosen.amplitude > SMALLEST


class Delayed(Polynomial):
    """Its tones come up with a time constant: a start that must be waited for."""

    def __init__(self, constant: float) -> None:
        super().__init__()
        self.constant = constant

    def measure(self, drive: Drive) -> Waveform:
        waveform = super().measure(drive)
        rest = super().measure(Drive(drive.control, drive.inputs, (), drive.transient)).output
        grown = rest + (waveform.output - rest) * (1 - np.exp(-waveform.time / self.constant))
        return Waveform(waveform.time, grown, waveform.simulated_seconds)


def test_dead_time_follows_the_devices_time_constant() -> None:
    asked = measurement(1e-3)
    window = asked.plan.window
    settle, flags = choose_settle(Delayed(2 * window), np.zeros(3), PATTERNS, asked)
    assert flags == ()
    # what is left of the start at the chosen dead time is below the 1e-3 asked for
    assert np.exp(-settle / (2 * window)) < 2e-3
    assert settle <= 32 * window


def test_a_device_that_does_not_settle_is_said_to() -> None:
    settle, flags = choose_settle(Delayed(2.5), np.zeros(3), PATTERNS, measurement(1e-3))
    assert flags == ("unsettled",)
    assert settle > 1


def test_the_dopant_network_needs_no_dead_time(device: object) -> None:
    asked = measurement(1e-3, count=5)
    assert choose_settle(device, np.full(5, 0.1), np.zeros((1, 2)), asked) == (0.0, ())  # type: ignore[arg-type]


def test_amplitudes_of_their_own_give_all_derivatives_one_relative_error() -> None:
    """On a device of known slopes and curvature: by Monte Carlo, not by what the code says of itself."""
    density = 1e-25
    asked = measurement(1e-3, density=density)
    dut = Polynomial(np.sqrt(density / (2 * asked.transient.step)), 4e-9)
    chosen = choose_amplitudes(dut, np.zeros(3), PATTERNS, asked, (-10.0, 10.0))
    assert not chosen.capped.any()
    # in proportion to 1/slope, as far as noise lets the slopes be known
    share = chosen.amplitude * np.abs(dut.slope)
    assert share == pytest.approx(np.full(3, share.mean()), rel=0.1)
    # at the λ where Σ S/(T·λ²) + (b_k·λ²)² is least, b_k the relative bias ¾·c·a_k²/g_k that λ = 1 would bring
    relative = 0.75 * 4e-9 / np.abs(dut.slope) ** 3
    best = (3 * density / asked.plan.window / (2 * np.sum(relative**2))) ** (1 / 6)
    assert share.mean() == pytest.approx(best, rel=0.2)

    def spread(amplitude: np.ndarray) -> np.ndarray:
        how = replace(asked, amplitude=amplitude)
        found = np.array([e.jacobian for e in homodyne(dut, np.zeros(3), np.zeros((400, 1)), how)])
        return np.asarray(np.std(found, axis=0, ddof=1) / np.abs(dut.slope))

    own = spread(chosen.amplitude)
    assert own.max() / own.min() < 1.25
    assert own == pytest.approx(chosen.relative_noise, rel=0.2)
    equal = spread(np.full(3, chosen.amplitude.mean()))
    assert equal.max() / equal.min() > 3  # slopes are 2, −1 and 0.5


class Silent(Polynomial):
    """Nothing moves its output."""

    def measure(self, drive: Drive) -> Waveform:
        waveform = super().measure(drive)
        return Waveform(waveform.time, np.zeros_like(waveform.output), waveform.simulated_seconds)


def test_a_derivative_too_small_for_it_is_given_all_there_is() -> None:
    asked = measurement(1e-3, density=1e-25)
    dut = Polynomial(0.0, 1e-12)
    dut.slope = np.array([2e-9, -1e-9, 1e-14])
    chosen = choose_amplitudes(dut, np.zeros(3), PATTERNS, asked, RANGE)
    assert chosen.capped.tolist() == [False, False, True]
    assert chosen.amplitude[2] == pytest.approx(0.14)
    with pytest.raises(ValueError, match="no derivative shows"):
        choose_amplitudes(Silent(), np.zeros(3), PATTERNS, asked, RANGE)

import numpy as np
import pytest

from hge_spice.imperfections.quantiser import Quantiser

RNG = np.random.default_rng(1)


def ideal(bits: int, reach: float = 1.0) -> Quantiser:
    return Quantiser.drawn(bits, reach, 0.0, 0.0, RNG)


@pytest.mark.parametrize("bits", [6, 10, 14])
def test_the_error_is_uniform_within_one_step(bits: int) -> None:
    converter = ideal(bits, 2.5)
    values = np.random.default_rng(2).uniform(-2.4, 2.4, 200_000)
    read, clipped = converter.read(values)
    assert not clipped
    assert np.abs(read - values).max() <= converter.step / 2 * (1 + 1e-9)
    assert (read - values).var() == pytest.approx(converter.step**2 / 12, rel=0.01)


@pytest.mark.parametrize("bits", [6, 8, 10, 12, 16])
def test_a_full_scale_sine_has_6_02_n_plus_1_76_db(bits: int) -> None:
    converter = ideal(bits)
    sine = (1 - converter.step) * np.sin(2 * np.pi * 1009 * np.arange(65536) / 65536 + 0.1)
    error = converter.read(sine)[0] - sine
    assert 10 * np.log10(np.mean(sine**2) / error.var()) == pytest.approx(6.02 * bits + 1.76, abs=0.2)


def thresholds(converter: Quantiser) -> np.ndarray:
    """Places of the transitions by a slow ramp, LSB: [code]."""
    ramp = converter.reach * np.linspace(-1, 1, 2_000_001)
    codes, _ = converter.codes(ramp)
    assert np.all(np.diff(codes) >= 0)
    return ramp[np.flatnonzero(np.diff(codes)) + 1] / converter.step


def test_inl_and_dnl_stay_within_the_data_sheet_and_reach_it() -> None:
    worst = []
    for seed in range(20):
        converter = Quantiser.drawn(8, 1.0, 2.0, 0.8, np.random.default_rng(seed))
        found = thresholds(converter)
        assert len(found) == 255  # no missing code
        width = np.diff(found) - 1
        integral = found - (np.arange(-127, 128) - 0.5)
        integral -= np.interp(np.arange(255), [0, 254], integral[[0, -1]])
        worst.append((np.abs(width).max(), np.abs(integral).max()))
    differential, integral = np.array(worst).max(axis=0)
    # a bow of 2 LSB over 256 codes adds up to 0.03 LSB of width
    assert 0.6 < differential <= 0.8 + 0.05
    assert 1.5 < integral <= 2.0 + 0.8


def test_a_converter_says_when_it_clips() -> None:
    converter = ideal(8)
    assert converter.read(np.array([0.0, -1.0, 1.0 - 1.6 * converter.step]))[1] is False
    for beyond in (1.0, -1.1):
        read, clipped = converter.read(np.array([beyond]))
        assert clipped
        assert abs(read[0]) <= 1.0
    assert converter.put_out(np.array([1.2]))[1] is True
    assert converter.put_out(np.array([0.4]))[1] is False


def test_a_dac_puts_out_the_nearest_level_with_its_errors() -> None:
    converter = Quantiser.drawn(10, 1.0, 1.5, 0.5, np.random.default_rng(3))
    codes = np.arange(-512, 512) * converter.step
    level = converter.put_out(codes)[0] / converter.step - np.arange(-512, 512)
    assert np.abs(np.diff(level)).max() <= 0.5 + 0.02
    bow = np.polyfit(np.linspace(-1, 1, 1024), level, 2)
    assert bow[0] == pytest.approx(-converter.bow, abs=0.1)
    nearby = codes + 0.4 * converter.step
    assert np.array_equal(converter.put_out(nearby)[0][:-1], converter.put_out(codes)[0][:-1])

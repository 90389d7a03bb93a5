"""Mixer and integrator of transistors, against the equations that a text book has for them."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hge_spice.materia.transistors import SMALL, THERMAL, characterisation, reference_gain
from hge_spice.ngspice.batch import run_batch

ALPHA = 200 / 201  # collector over emitter current


def swept(kind: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    scale, out = run_batch(characterisation(kind), folder / "part.cir", 60).values()
    return scale, out


def test_the_signals_way_is_straight_and_loses_two_base_currents(tmp_path):
    x, product = swept("gain", tmp_path)
    slope = np.gradient(product, x) * 10
    assert slope[100] == pytest.approx(ALPHA**2, rel=2e-3)
    assert np.ptp(slope[20:-20]) < 0.01  # emitter resistors: a half of a per cent within 8 V
    assert abs(product[100]) < 1e-9


def test_the_references_way_is_a_tanh(tmp_path):
    y, product = swept("reference", tmp_path)
    bent = np.tanh(SMALL * y / (2 * THERMAL)) * 2 * THERMAL / SMALL / 10
    assert product == pytest.approx(ALPHA**2 * bent, rel=3e-3, abs=1e-6)
    amplitude = 5.0
    sine = np.sin(2 * np.pi * (np.arange(64) + 0.5) / 64)
    mixed = np.interp(amplitude * sine, y, product) @ sine * 10 / (amplitude * sine @ sine)
    assert mixed / (np.gradient(product, y)[100] * 10) == pytest.approx(reference_gain(amplitude), rel=1e-3)


def test_the_integrator_draws_a_tanh_of_its_current(tmp_path):
    v, drawn = swept("integrator", tmp_path)
    assert drawn / 20e-6 == pytest.approx(np.tanh(v), abs=0.03)
    offset = np.interp(0.0, drawn, v)
    assert abs(offset) < 0.01  # of 2V_T: Early's effect is what the mirror leaves


def test_the_mixers_poles_lie_far_above_any_tone(tmp_path):
    """By `.ac` with charges: flat within a tenth of a dB to 1 MHz, a thousand times a tone."""
    measures = ".meas ac flat find vdb(out) at=1k\n.meas ac high find vdb(out) at=1meg"
    (tmp_path / "part.cir").write_text(characterisation("bandwidth").replace("\n.end\n", f"\n{measures}\n.end\n"))
    said = subprocess.run(["ngspice", "-n", "-b", "part.cir"], cwd=tmp_path, capture_output=True, check=False).stdout  # noqa: S607 - found on the path, as a user would
    flat, high = (float(re.search(rf"{name}\s*=\s*(\S+)".encode(), said)[1]) for name in ("flat", "high"))
    swing = SMALL * 5 / (2 * THERMAL)
    assert flat == pytest.approx(20 * np.log10(0.5 * ALPHA**2 * np.tanh(swing) / swing), abs=0.05)
    assert high == pytest.approx(flat, abs=0.1)
    assert high != flat  # the charges are there

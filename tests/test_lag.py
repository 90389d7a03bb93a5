from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hge_spice.calibrate import check_points, choose_points, choose_settle
from hge_spice.devices.subcircuit import block
from hge_spice.drive import Drive, Waveform
from hge_spice.gradient import Measurement, homodyne, small_signal
from hge_spice.gradient.homodyne import estimates
from hge_spice.gradient.lag import calibrate_lag, reference_lag
from hge_spice.graph import assign_roles
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.planner.phases import random_phases
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.against_truth import against_truth
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.tones import plan_from_harmonics, plan_tones

WINDOW = 25e-3
PLAN = plan_tones(3, WINDOW)
TOP = max(PLAN.harmonics) / WINDOW
# sinh elements into a load, then equal RC stages behind buffers; c2 pulls the output down
LADDER = """.subckt ladder x c1 c2 c3 out
b1 c1 s i=2u*sinh(v(c1,s)/0.2)
b3 c3 s i=1u*sinh(v(c3,s)/0.3)
b4 x s i=1u*sinh(v(x,s)/0.3)
r2 c2 s2 1k
g2 s 0 s2 0 20u
rs s 0 20k
g3 0 t1 s 0 100u
rt1 t1 0 10k
ct1 t1 0 {first}
g4 0 t2 t1 0 100u
rt2 t2 0 10k
ct2 t2 0 {second}
g5 0 t3 t2 0 100u
rt3 t3 0 10k
r9 t3 out 10k
.ends"""


def ladder(degrees: tuple[float, float]) -> NgspiceDevice:
    """Two stages that turn the highest tone by so many degrees each: tan φ = 2πf·RC."""
    first, second = (np.tan(np.radians(d)) / (2 * np.pi * TOP * 1e4) for d in degrees)
    text = LADDER.format(first=float(max(first, 1e-15)), second=float(max(second, 1e-15)))
    graph = assign_roles(
        block(text=text, name="ladder", pins=["x", "c1", "c2", "c3", "out"]),
        output="out",
        inputs=["x"],
        controls=["c1", "c2", "c3"],
    )
    return NgspiceDevice(graph)


CONTROL, PATTERNS = np.array([0.05, -0.1, 0.08]), np.array([[-0.1], [0.1]])


def settled(dut: NgspiceDevice) -> tuple[Measurement, tuple[str, ...]]:
    asked = Measurement(PLAN, np.full(3, 1e-3), random_phases(3, np.random.default_rng(0)))
    settle, flags = choose_settle(dut, CONTROL, PATTERNS, asked)
    plan, coarse = choose_points(dut, CONTROL, PATTERNS, replace(asked, settle=settle))
    return replace(asked, settle=settle, plan=plan), (*flags, *coarse)


def worst(found: tuple, truth: tuple) -> float:
    return max(
        np.abs(f.jacobian - t.jacobian).max() / np.abs(t.jacobian).max() for f, t in zip(found, truth, strict=True)
    )


@pytest.mark.parametrize(("stages", "lag"), [((60.0, 0.0), 60.0), ((60.0, 60.0), 120.0)])
def test_a_lag_is_detected_and_corrected_by_calibration(stages: tuple[float, float], lag: float) -> None:
    """Against `.ac` at the tones' own frequencies: magnitude there, sign at rest."""
    with ladder(stages) as dut:
        asked, flags = settled(dut)
        assert flags == ()
        truth = small_signal(dut, CONTROL, PATTERNS, asked)
        top = PLAN.harmonics.index(max(PLAN.harmonics))
        assert np.degrees(truth[0].lag[top]) == pytest.approx(-lag, abs=0.5)
        plain = homodyne(dut, CONTROL, PATTERNS, asked)
        assert all("lag" in e.flags for e in plain)
        assert any("keep tones below" in note for note in plain[0].notes)
        loss = plain[0].jacobian[top] / truth[0].jacobian[top]
        assert loss == pytest.approx(np.cos(np.radians(lag)), abs=2e-2)  # half is lost, and the sign at 120°
        measured = calibrate_lag(dut, CONTROL, PATTERNS, asked)
        assert measured.unsure == ()
        corrected = homodyne(dut, CONTROL, PATTERNS, replace(asked, lag=measured.angle))
        assert worst(corrected, truth) <= 1e-3 < worst(plain, truth)
        assert not any("lag" in e.flags for e in corrected)
        assert np.array_equal(np.sign(corrected[0].jacobian), [1, -1, 1])
        # the lag is the output's, common to all: one reference electrode tells it, of either sign
        for electrode in ("c1", "c2"):
            common = reference_lag(dut, CONTROL, PATTERNS[0], asked, electrode)
            assert worst(homodyne(dut, CONTROL, PATTERNS, replace(asked, lag=common.angle)), truth) <= 1e-3


def test_too_few_points_are_flagged_coarse() -> None:
    with ladder((60.0, 60.0)) as dut:
        few = plan_from_harmonics(PLAN.harmonics, WINDOW, points=2 * max(PLAN.harmonics) + 3)
        asked = Measurement(few, np.full(3, 1e-3), np.zeros(3), settle=3 * WINDOW)
        assert check_points(dut, CONTROL, PATTERNS, asked) == ("coarse",)
        enough = replace(asked, plan=plan_from_harmonics(PLAN.harmonics, WINDOW, points=16 * PLAN.points))
        assert check_points(dut, CONTROL, PATTERNS, enough) == ()


class Noisy:
    """One control that moves the output less than the noise."""

    controls, inputs = ("a",), ("x",)

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def measure(self, drive: Drive) -> Waveform:
        transient = drive.transient
        time = transient.settle + transient.step * np.arange(transient.points)
        return Waveform(time, self.rng.standard_normal(len(time)), transient.duration)


def test_a_sign_that_noise_hides_is_not_taken_for_known() -> None:
    asked = Measurement(plan_tones(1, WINDOW), np.array([1e-3]), np.zeros(1))
    assert calibrate_lag(Noisy(), np.zeros(1), np.zeros((1, 1)), asked).unsure == ("a",)
    with pytest.raises(ValueError, match="the reference 'b' is no control; take one of a"):
        reference_lag(Noisy(), np.zeros(1), np.zeros(1), asked, "b")


STUDY = """
[device]
subcircuit = "ladder.cir"
[electrodes]
output = "out"
inputs = ["x", "y"]
controls = ["c1", "c2", "c3"]
control_range = ["-0.2 V", "0.2 V"]
[task]
name = "and"
levels = ["-0.1 V", "0.1 V"]
[perturbation]
amplitude = "1 mV"
[lockin]
phase = "as_is"
"""


def test_a_study_says_what_a_lag_costs_and_turns_it_back(tmp_path: Path) -> None:
    each = np.tan(np.radians(60.0)) / (2 * np.pi * TOP * 1e4)
    text = LADDER.format(first=float(each), second=float(each)).replace("ladder x c1", "ladder x y c1")
    (tmp_path / "ladder.cir").write_text(text.replace("r9 t3", "b5 y s i=1u*sinh(v(y,s)/0.3)\nr9 t3") + "\n")
    (tmp_path / "lag.toml").write_text(STUDY)

    def gradient(*settings: str) -> dict[str, Any]:
        with Bench.of(parse_study(load_study(tmp_path / "lag.toml", settings))) as bench:
            return against_truth(bench, bench.control())

    plain = gradient()
    assert "lag" in plain["flags"]
    assert "coarse" not in plain["flags"]
    assert plain["relative_error_max"] > 0.5  # in phase alone, against magnitude at the tone and sign at rest
    assert any('lockin.phase = "calibrate"' in note for note in plain["notes"])
    for settings in (("lockin.phase=calibrate",), ("lockin.phase=reference", "lockin.reference=c3")):
        corrected = gradient(*settings)
        assert corrected["relative_error_max"] <= 1e-3
        assert "lag" not in corrected["flags"]
    assert "coarse" in gradient("perturbation.points=39")["flags"]


def late(size: float, degrees: float) -> Waveform:
    """An output whose tones are all that strong and that late."""
    time = np.arange(PLAN.points) * WINDOW / PLAN.points
    turn = [2 * np.pi * h * time / WINDOW - np.radians(degrees) for h in PLAN.harmonics]
    return Waveform(time, size * np.sum(np.sin(turn), axis=0), WINDOW)


def test_a_pattern_that_is_off_asks_for_no_calibration() -> None:
    how = Measurement(PLAN, amplitude=np.full(3, 1e-3), phase=np.zeros(3))
    tones = how.tones(("c1", "c2", "c3"))
    loud, faint, off = late(1e-9, 0), late(2e-12, 80), late(1e-13, 80)
    told = estimates([loud, faint, off], tones, how)
    assert ["lag" in each.flags for each in told] == [False, True, True]
    assert [any("calibrate" in note for note in each.notes) for each in told] == [False, True, False]
    (alone,) = estimates([off], tones, how)
    assert any("calibrate" in note for note in alone.notes)

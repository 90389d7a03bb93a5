from dataclasses import replace

import numpy as np
import pytest

from hge_spice.drive import Drive, Transient, Waveform
from hge_spice.gradient import DRAWN, ESTIMATORS, WITH_TONES
from hge_spice.plot.estimators import estimators, spacing
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.compare import Remembered, _stretched, compare_estimators
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study


class Counting:
    controls, inputs = ("a",), ("x",)
    measured = 0

    def measure(self, drive: Drive) -> Waveform:
        self.measured += 1
        return Waveform(np.arange(3.0), np.full(3, drive.control[0]), 1.0)


def test_a_remembered_device_measures_each_drive_once() -> None:
    counting = Counting()
    dut = Remembered(counting)  # type: ignore[arg-type] # its truth isn't asked for
    drives = [Drive(np.array([v]), np.zeros(1), (), Transient(1.0, 3)) for v in (1.0, 2.0, 1.0)]
    assert [w.output[0] for w in dut.measure_many(drives)] == [1, 2, 1]
    assert dut.measure(drives[1]).output[0] == 2
    assert counting.measured == 2


def bench(estimator: str) -> Bench:
    settings = [f"training.estimator={estimator}", "compare.controls=[3, 6]", "compare.repeats=12"]
    settings += ['compare.error="0.2 nA/V"', "perturbation.points=75", 'perturbation.amplitude="10 mV"']
    raw = load_study("estimators", settings)
    return Bench.of(parse_study({key: value for key, value in raw.items() if key != "sweep"}))


@pytest.mark.parametrize("name", ["homodyne", "homodyne_sequential", "finite_difference"])
def test_time_to_an_error_grows_with_the_controls_except_for_homodyne(name: str) -> None:
    with bench(name) as made:
        found = compare_estimators(made)
    few, many = found["controls"]
    ratio = many["seconds"] / few["seconds"]
    assert ratio == pytest.approx(1.0 if name == "homodyne" else 2.0)
    assert many["seconds_needed"] >= few["seconds"] * (few["spread"] / 0.2e-9) ** 2 * ratio / 4
    for way in ("one_call", "equal_time", "equal_runs"):
        assert 0 < found[way]["error"] < 0.6
        assert 0 < found[way]["angle"] < 90
    assert found["equal_time"]["seconds"] == pytest.approx(0.4, rel=0.1)
    assert found["equal_runs"]["runs"] == 20
    assert found["equal_runs"]["error"] < found["one_call"]["error"]


def test_longer_windows_keep_the_tones_where_they_are() -> None:
    with bench("homodyne") as made:
        measurement, asked = made.recipe.measurement, made.study.compare
        assert asked is not None
        one = ESTIMATORS["homodyne"](made.network, made.control(), made.recipe.inputs[:1], measurement)[0]
    for name in ESTIMATORS.keys() - {"small_signal"}:
        runs = 4
        longer = _stretched(name, measurement, asked, replace(one, runs=runs, simulated_seconds=runs * 0.025))
        if name in DRAWN:
            assert (longer.repeats, longer.plan) == (4, measurement.plan)
        else:
            assert longer.plan.window == pytest.approx(0.1)
        if name in WITH_TONES:
            assert np.allclose(longer.plan.frequencies, measurement.plan.frequencies)


def test_the_pictures_name_what_they_show() -> None:
    way = {"error": 0.1, "angle": 5.0, "seconds": 0.1, "runs": 4.0, "energy_joule": 1e-9}
    count = {"controls": 5, "runs": 4, "seconds_needed": 0.3}
    compared = {"one_call": way, "equal_time": way, "equal_runs": way, "controls": [count]}
    result = {"compared": compared, "simulated_seconds": 2.0, "energy_joule": 1e-8, "solved": True}
    drawn = estimators({"homodyne": result, "spsa": result})
    assert [t.get_text() for t in drawn.axes[0].get_yticklabels()] == ["homodyne", "spsa"]
    curve = {"spacing": [1.0, 2.0], "analytic": [1.0, 0.5], "measured_spacing": [1.0]}
    curve |= {"expected": [1.0], "measured": [1.1], "measured_stderr": [0.1]}
    each = {"spacing": 10.0, "single": [[1e-9, 2e-9]], "multi": [[1e-9, 2e-9]], "r_squared": 1.0}
    drawn = spacing({"curves": {"2.05": curve}, "noise_floor": 1e-4, "sets": [each]})
    assert "2.05×" in drawn.axes[0].get_legend_handles_labels()[1][0]
    assert "10 Hz apart" in drawn.axes[1].get_title()

"""Every study that repeats a published experiment, at the tests' size: it runs, and its physics is in its table."""

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hge_spice.study.report.report import write_report
from hge_spice.study.run.runner import run_study
from hge_spice.study.text.files import load_study
from hge_spice.traces import read_raw


def ran(name: str, out: Path) -> tuple[list[dict[str, Any]], str]:
    """Results and report; every trial is done."""
    results = run_study(load_study(name, smoke=True), out, jobs=1)["results"]
    assert all(result["status"] == "done" for result in results), [result["reason"] for result in results]
    return results, write_report(out).read_text(encoding="utf-8")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def medians(out: Path, metric: str) -> list[float]:
    """In the order of the key across, lines one after the other."""
    return [float(row["middle"]) for row in table(out / "curves.csv") if row["metric"] == metric]


def test_expected_error_over_spacing(tmp_path: Path) -> None:
    (result,), page = ran("repro_spacing", tmp_path)
    rows = table(tmp_path / "spacing.csv")
    assert len(rows) == 3 * 6
    off = [
        (float(row["measured"]) - float(row["expected"])) / float(row["measured_stderr"])
        for row in rows
        if float(row["measured_stderr"])
    ]
    assert result["monte_carlo_chi_squared"] == pytest.approx(np.mean(np.square(off)))
    assert result["monte_carlo_chi_squared"] < 2
    assert "all specs met by 1 of 1" in page
    assert "squared error" in page.lower()
    assert not (tmp_path / "derivatives.csv").exists()


def test_single_against_multi_input(tmp_path: Path) -> None:
    (result,), page = ran("repro_multi_input", tmp_path)
    rows = table(tmp_path / "derivatives.csv")
    assert len(rows) == 2 * 3 * 5
    single, multi = (np.array([float(row[key]) for row in rows]) for key in ("single", "multi"))
    assert np.sqrt(np.mean((multi - single) ** 2)) < 0.5 * np.std(single)
    assert result["difference_over_noise"] == pytest.approx(1, abs=0.4)  # of 15 at each spacing
    assert page.count("<svg") >= 1
    assert not (tmp_path / "spacing.csv").exists()


def test_gates_without_their_ramps(tmp_path: Path) -> None:
    results, page = ran("repro_gates", tmp_path)
    rows = table(tmp_path / "gates.csv")
    assert [row["gate"] for row in rows] == ["and", "xor"]
    for row, result in zip(rows, results, strict=True):
        states = [float(row[f"output at {state}"]) for state in ("00", "01", "10", "11")]
        assert states == pytest.approx(result["outputs"])
        (path,) = tmp_path.glob(f"trials/{result['id']}/waveform.raw")
        times = [vectors["time"] for _, vectors in read_raw(path)]
        for before, after in itertools.pairwise(times):
            assert after[0] - before[0] >= 65e-3  # a window of 50 ms and a ramp of 15 ms, which isn't in it
            assert before[-1] - before[0] < 50e-3
    assert 'aria-label="Output of every gate in every logic state"' in page


def test_sphere_over_its_radius(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    (result,), page = ran("repro_sphere", tmp_path)
    (path,) = tmp_path.glob("trials/*/radius.json")
    found = json.loads(path.read_text("utf-8"))
    radius, answer, classes, decided = (np.array(found[key]) for key in ("radius", "answer", "classes", "decided"))
    assert np.mean(decided == classes) == pytest.approx(result["test_accuracy"])
    assert np.array_equal(classes, radius < found["border"])
    if found["unit"]:  # a threshold of the current says the same as the read-out's score
        above = answer > found["threshold"]
        assert np.array_equal(above, decided > 0) or np.array_equal(above, decided == 0)
    assert sum(shell["patterns"] for shell in found["shells"]) == result["test_patterns"]
    assert "distance from the middle" in page


def test_spread_falls_with_the_amplitude_and_bias_grows(tmp_path: Path) -> None:
    ran("repro_amplitude", tmp_path)
    spread, error = medians(tmp_path, "gradient_spread"), medians(tmp_path, "gradient_error")
    assert spread[0] / spread[1] == pytest.approx(6, rel=0.35)  # 60 mV over 10 mV
    assert error[1] > 3 * spread[1]


def test_spread_falls_with_the_root_of_the_time(tmp_path: Path) -> None:
    ran("repro_integration", tmp_path)
    spread = medians(tmp_path, "gradient_spread")
    assert spread[0] / spread[1] == pytest.approx(10, rel=0.35)  # 500 ms over 5 ms


def test_low_tones_are_noisy_and_high_ones_late(tmp_path: Path) -> None:
    results, _ = ran("repro_frequency", tmp_path)
    low, high = results
    assert min(high["harmonics"]) / high["window"] >= 200 > 10 * min(low["harmonics"]) / low["window"] - 1e-9
    assert low["gradient_spread"] > 2.5 * high["gradient_spread"]  # √20 of 1/f noise, between plans of other widths


def test_products_on_tones_cost_by_their_order(tmp_path: Path) -> None:
    ran("repro_tones", tmp_path)
    consecutive, published, ours = np.array(medians(tmp_path, "gradient_error")).reshape(3, 2)
    hits = {order: medians(tmp_path, f"{order}_order_hits")[::2] for order in ("second", "third")}
    assert hits["second"][0] > 0 == hits["second"][1] == hits["second"][2]
    assert hits["third"][1] > 0 == hits["third"][2]
    # four times the amplitude: 3rd order and the amplitude's own bias 16-fold, 2nd order 4-fold
    assert ours[1] / ours[0] == pytest.approx(16, rel=0.15)
    assert published[1] / published[0] == pytest.approx(16, rel=0.15)
    assert consecutive[1] / consecutive[0] < 10
    assert consecutive[0] > 2 * ours[0]

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hge_spice.study.report.side_by_side import curve_parts, gate_parts, spacing_parts
from hge_spice.traces import write_raw

VOLTS = ((-0.3, 0.2), (-0.3, 0.4), (0.1, 0.2), (0.1, 0.4))
OUTPUTS = [1e-9, 2e-9, 3e-9, 4e-9]


def gate(name: str, directory: Path, *, kept: bool = True) -> dict[str, Any]:
    if kept:
        (directory / "trials" / name).mkdir(parents=True)
        time = np.linspace(0, 20e-3, 5)
        write_raw(
            directory / "trials" / name / "waveform.raw",
            [
                (f"pattern {p}: inputs {low:g} V, {high:g} V", {"time": time, "i(output)": np.full(5, 1e-9 * p)})
                for p, (low, high) in enumerate(VOLTS)
            ],
        )
    told = {"gap": 1e-9, "gap_over_span": 0.4, "contrast": 0.5, "d_prime": None, "starts": 1, "steps": 2}
    result = {"output_unit": "A", "window": 25e-3, "outputs": OUTPUTS, "classes": [0, 0, 0, 1], "solved": True, **told}
    return {"id": name, "status": "done", "parameters": {"task.name": name}, "result": result}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_gates_have_their_states_in_a_table(tmp_path: Path) -> None:
    found = gate_parts(tmp_path, [gate("and", tmp_path), gate("or", tmp_path)])
    assert "<svg" in found["gates_picture"]
    first, second = table(tmp_path / "gates.csv")
    assert (first["gate"], second["gate"]) == ("and", "or")
    assert [float(first[f"output at {state}"]) for state in ("00", "01", "10", "11")] == OUTPUTS


def test_nothing_is_drawn_of_one_gate_of_an_unfinished_run_or_of_what_was_not_kept(tmp_path: Path) -> None:
    done = gate("and", tmp_path)
    assert gate_parts(tmp_path, [done]) == {}
    assert gate_parts(tmp_path, [done, gate("or", tmp_path) | {"status": "created", "result": {}}]) == {}
    assert gate_parts(tmp_path, [done, gate("xor", tmp_path, kept=False)]) == {}
    assert not (tmp_path / "gates.csv").exists()


@pytest.mark.parametrize("asked", [None, {}, {"over": "training.seed"}, {"over": "training.rate", "metrics": ["loss"]}])
def test_no_curves_without_a_key_and_metrics(tmp_path: Path, asked: Any) -> None:
    row = {"id": "a", "status": "done", "parameters": {"training.seed": 1}, "result": {"loss": 1.0}}
    assert curve_parts(tmp_path, [row], {"curves": asked}) == {}


def test_every_derivative_is_in_a_table(tmp_path: Path) -> None:
    one = {"spacing": 10.0, "single": [[1e-9, 2e-9], [3e-9, 4e-9]], "multi": [[5e-9, 6e-9], [7e-9, 8e-9]], "slope": 1.0}
    (tmp_path / "trials" / "a").mkdir(parents=True)
    (tmp_path / "trials" / "a" / "spacing.json").write_text(json.dumps({"curves": {}, "sets": [one]}), encoding="utf-8")
    rows = [{"id": "a", "result": {"spacing": {}}}, {"id": "b", "result": {"spacing": {}}}, {"id": "c", "result": {}}]
    found = spacing_parts(tmp_path, rows)  # the second's file is missing
    assert found["spacing_sets"] == [{"spacing": 10.0, "slope": 1.0}]
    assert [(row["set"], row["single"], row["multi"]) for row in table(tmp_path / "derivatives.csv")] == [
        ("0", "1e-09", "5e-09"),
        ("0", "2e-09", "6e-09"),
        ("1", "3e-09", "7e-09"),
        ("1", "4e-09", "8e-09"),
    ]
    assert not (tmp_path / "spacing.csv").exists()

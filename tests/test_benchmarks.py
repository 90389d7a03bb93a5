"""What a run of benchmarks leaves, on the smallest sizes; what they measure is theirs to say."""

import json
from pathlib import Path

import pytest

from hge_spice.benchmarks.quasistatic import cost, mesh
from hge_spice.benchmarks.report import new_directory, write_benchmarks


def test_cost_is_measured_by_size_and_batch_and_drawn(tmp_path: Path) -> None:
    found = cost(lambda nodes: mesh("sinh", nodes), sizes=(10, 30), batches=(1, 10, 200))
    assert {size: list(batches) for size, batches in found.items()} == {10: [1, 10, 200], 30: [1, 10, 200]}
    for batches in found.values():
        assert all(case["seconds"] > 0 for case in batches.values())
        peaks = [case["peak_bytes"] for case in batches.values()]
        assert peaks == sorted(peaks)
        assert peaks[-1] > 8 * 200 * 10  # it holds the unknowns at least
    assert found[30][200]["peak_bytes"] > found[10][200]["peak_bytes"]

    new_directory(tmp_path / "deep" / "out")
    write_benchmarks({"quasistatic": {"ratio": 0.1, "cost": {"sinh mesh": found}}}, tmp_path / "deep" / "out")
    assert json.loads((tmp_path / "deep" / "out" / "bench.json").read_text())["quasistatic"]["ratio"] == 0.1
    assert (tmp_path / "deep" / "out" / "quasistatic.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="not empty; name a new directory"):
        new_directory(tmp_path / "deep")

"""A study of memristors from its file to the waveform: states anew at every measurement, or going on."""

import numpy as np
import pytest

from hge_spice.drive import Drive, Tone, Transient
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study

STUDY = {
    "device": {"family": "hp_biolek", "graph": "grid", "rows": 3, "columns": 3, "parameters": {"x0": 0.4}},
    "electrodes": {"output": "e0", "inputs": ["e1", "e2"], "controls": ["e3", "e4"], "grounds": "rest"},
    "task": {"name": "and"},
    "perturbation": {"amplitude": "2 mV", "points": 64, "settle": 0, "tones": [2, 3]},
    "training": {"unreachable": "try"},
}


@pytest.mark.parametrize("anew", [True, False])
def test_a_study_says_whether_states_go_on(anew: bool) -> None:
    study = parse_study({**STUDY, "device": {**STUDY["device"], "reinitialise": anew}})
    asked = Drive(np.array([0.3, -0.2]), np.array([0.3, -0.3]), (Tone("e3", 80.0, 2e-3),), Transient(25e-3, 64))
    with Bench.of(study, workers=2) as bench:
        (device, *others) = bench.network.devices
        assert bool(others) == anew  # what goes on has one history
        first, second = device.measure(asked), device.measure(asked)
    assert "moved_state" in first.flags
    assert len(first.states) == device.graph.number_of_edges()
    moved = max(abs(after - before) for before, after in first.states.values())
    gap = max(abs(second.states[name][0] - first.states[name][0 if anew else 1]) for name in first.states)
    assert moved > 1e-3
    assert gap < 1e-9
    assert np.array_equal(first.output, second.output) == anew

"""`roles = "screen"` and the quasi-static engine in a study, from the text to the result."""

import json
from pathlib import Path

import numpy as np
import pytest

from hge_spice.study.bench import Bench
from hge_spice.study.exactly import holds_exactly
from hge_spice.study.files import load_study
from hge_spice.study.report import write_report
from hge_spice.study.runner import Watch, plan_study, run_study
from hge_spice.study.spec import StudyError, parse_study

SCREEN = {
    "title": "screened",
    "device": {"sites": 6, "electrodes": 5, "seed": 2},
    "electrodes": {"roles": "screen", "screen_points": 4000},
    "task": {"name": "or"},
    "training": {"loss": "gap", "rate": "30 mV", "steps": 2, "starts": 1},
    "perturbation": {"amplitude": "2 mV"},
}


def test_a_screened_study_names_its_choices_in_result_and_report(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with Bench.of(parse_study(SCREEN), screened=lambda done, total: told.append((done, total))) as bench:
        assert bench.study.electrodes.roles is None
        assert len(bench.dut.controls) == 2
        assert np.array_equal(bench.control(0), bench.first[0])
        assert not np.array_equal(bench.control(0), bench.control(1))
        assert told[-1][0] == told[-1][1] <= 4000
    heard: list[tuple[int, int, int]] = []
    watch = Watch(screened=lambda *now: heard.append(now))
    summary = run_study(SCREEN, tmp_path / "out", watch=watch)
    assert heard == [(0, *now) for now in told]
    screening = summary["results"][0]["screening"]
    assert screening["output"] == bench.study.electrodes.output
    assert screening["points"] == 4000
    assert screening["ngspice_difference"] < 1e-6
    assert screening["tried"] == 30
    assert screening["choices"][0]["output"] == screening["output"]
    json.dumps(summary, allow_nan=False)
    page = write_report(tmp_path / "out").read_text()
    assert "Choice of electrodes" in page


def test_named_electrodes_limit_the_choice() -> None:
    limited = SCREEN | {"electrodes": {"roles": "screen", "screen_points": 2000, "grounds": ["e3"]}}
    with Bench.of(parse_study(limited)) as bench:
        assert "e3" not in {bench.study.electrodes.output, *bench.dut.inputs, *bench.dut.controls}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"electrodes": {"roles": "sift"}}, "unknown way to choose roles 'sift'"),
        ({"electrodes": {"inputs": ["e1", "e2"]}}, 'output and controls missing; name them, or let roles = "screen"'),
        ({"electrodes": {"roles": "screen", "screen_points": 10}}, None),
        ({"device": {"sites": 6, "electrodes": 3}}, "3 electrodes can't be one output, 2 inputs and a control"),
        ({"training": {"estimator": "adjoint"}}, 'it needs device.engine = "quasistatic"'),
        ({"device": {"engine": "spectre"}}, "unknown engine 'spectre'"),
    ],
)
def test_what_cannot_be_screened_is_told_before_anything_runs(change: dict[str, object], message: str | None) -> None:
    study = SCREEN | change
    if message is None:  # the budget is the screening's own business
        with pytest.raises(ValueError, match="10 points can't try 30 choices"):
            Bench.of(parse_study(study))
    else:
        with pytest.raises(StudyError, match=message):
            plan_study(study)


def test_a_study_trains_on_the_quasi_static_engine_with_exact_gradients() -> None:
    raw = load_study(
        "xor", ['device.engine="quasistatic"', "training.estimator=adjoint", "perturbation.amplitude=2 mV"]
    )
    with Bench.of(parse_study(raw)) as bench:
        assert holds_exactly(bench, bench.control())["exact"]["cosine"] is not None
        with pytest.raises(TypeError, match="no ngspice behind"):
            _ = bench.pool


def test_only_dopant_networks_have_an_exact_model() -> None:
    raw = load_study("xor", ["device.sites=13", "perturbation.amplitude=2 mV"])
    with Bench.of(parse_study(raw)) as bench:
        assert holds_exactly(bench, bench.control()) == {}

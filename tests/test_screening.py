"""`roles = "screen"` and the quasi-static engine in a study, from the text to the result."""

import json
from pathlib import Path

import numpy as np
import pytest

from hge_spice.devices import ELEMENTS
from hge_spice.study.bench import screening
from hge_spice.study.bench.bench import Bench
from hge_spice.study.bench.network import build_graph, electrode_names
from hge_spice.study.beside.exactly import holds_exactly, solutions
from hge_spice.study.report.report import write_report
from hge_spice.study.run.plan import plan_study
from hge_spice.study.run.runner import Watch, run_study
from hge_spice.study.tables.spec import StudyError, parse_study
from hge_spice.study.text.files import load_study

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


@pytest.mark.parametrize(("asked", "shown"), [(10, 10), (16, 15), (200, 30)])
def test_a_data_set_is_screened_by_as_many_patterns_as_asked_for(asked: int, shown: int) -> None:
    """Equal shares of the training patterns, the classes dealt evenly, each of which costs an operating point."""
    told: list[int] = []
    study = SCREEN | {
        "electrodes": {"roles": "screen", "screen_points": 2000, "screen_patterns": asked},
        "task": {"name": "ring", "train": 30, "test": 2},
        "training": {"loss": "least_squares", "steps": 1, "starts": 1},
    }
    with Bench.of(parse_study(study), screened=lambda done, _: told.append(done)) as bench:
        assert bench.screening is not None
        assert bench.screening["patterns"] == shown
        assert bench.screening["settings"] * shown <= 2000
        assert told[0] % shown == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"electrodes": {"roles": "sift"}}, "unknown way to choose roles 'sift'"),
        ({"electrodes": {"inputs": ["e1", "e2"]}}, 'output and controls missing; name them, or let roles = "screen"'),
        ({"electrodes": {"roles": "screen", "screen_points": 10}}, None),
        ({"readout": {"kind": "transimpedance"}}, "operating points are screened as currents"),
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


@pytest.mark.parametrize(
    ("readout", "has_exact_model"),
    [
        ({"kind": "transimpedance", "gain": 1e8}, True),
        ({"kind": "voltage", "load": 1e6, "noise": {"psd": "1e-17 V^2/Hz", "at": "1 kHz"}}, False),
        ({"differential": True}, False),
    ],
    ids=str,
)
def test_every_readout_trains_and_is_judged_on_the_quasi_static_engine(
    readout: dict[str, object], has_exact_model: bool
) -> None:
    raw = load_study(
        "xor", ['device.engine="quasistatic"', "training.estimator=adjoint", "perturbation.amplitude=2 mV"]
    )
    raw["readout"] = raw.get("readout", {}) | readout
    if readout.get("differential"):
        raw["electrodes"] |= {"output": ["e0", "e1"], "controls": ["e4", "e5", "e6", "e7"]}
    else:
        as_current = parse_study(raw | {"readout": {}})
    with Bench.of(parse_study(raw)) as bench:
        control = bench.control()
        found = holds_exactly(bench, control)
        assert bool(found) == has_exact_model
        assert solutions(bench, control)["solutions"]["most"] >= 1
        assert np.isfinite(
            bench.recipe.estimator(bench.dut, control, bench.recipe.inputs, bench.recipe.measurement)[0].jacobian
        ).all()
    if has_exact_model:
        with Bench.of(as_current) as bench:
            plain = holds_exactly(bench, control)["exact"]
        assert found["exact"]["outputs"] == pytest.approx([-1e8 * each for each in plain["outputs"]])


def test_only_dopant_networks_have_an_exact_model() -> None:
    raw = load_study("xor", ["device.sites=13", "perturbation.amplitude=2 mV"])
    with Bench.of(parse_study(raw)) as bench:
        assert holds_exactly(bench, bench.control()) == {}


def test_the_control_region_with_several_solutions_is_that_of_two_tunnel_diodes_in_series(tmp_path: Path) -> None:
    """The middle node's voltage v solves i(V − v) = i(v): the roots are counted on a fine grid, for every V."""
    lines = ("c1,m,tunnel,,electrode,node", "m,out,tunnel,,node,electrode")
    lines += tuple(f"{name},out,resistor,1e3,electrode,electrode" for name in ("in1", "in2"))
    header = "a,b,family,parameters.resistance,kind_a,kind_b"
    (tmp_path / "pair.csv").write_text("\n".join((header, *lines)))
    current = ELEMENTS["tunnel"].current
    values = ELEMENTS["tunnel"].values({})
    names = tuple(sorted(current.symbols))

    def law(v: np.ndarray) -> np.ndarray:
        return current.compiled(names)(*(v if name == "v" else values[name] for name in names))[0]

    across = np.linspace(-1.0, 1.0, 401)
    v = np.linspace(-1.2, 1.2, 4002)  # never half of a voltage tried: there both laws are equal
    roots = np.array([np.count_nonzero(np.diff(np.sign(law(total - v) - law(v)))) for total in across])
    several = across[roots > 1]
    named = {"output": "out", "inputs": ["in1", "in2"], "controls": ["c1"]}
    study = {
        "title": "bistable",
        "device": {"file": str(tmp_path / "pair.csv"), "family": "tunnel"},
        "electrodes": named | {"control_range": ["-1 V", "1 V"]},
        "task": {"name": "or"},
        "training": {"loss": "gap", "steps": 1, "starts": 1},
        "perturbation": {"amplitude": "2 mV"},
    }
    with Bench.of(parse_study(study)) as bench:
        inside = solutions(bench, np.array([several.mean()]))["solutions"]
        outside = solutions(bench, np.array([-0.5]))["solutions"]
    assert inside["most"] == 3
    assert outside["most"] == 1
    for found in (inside, outside):
        low, high = found["region"]["c1"]
        assert several[0] - 0.005 <= low < high <= several[-1] + 0.005
        assert 0 < found["multistable_settings"] < found["settings"]
    narrow = {"electrodes": named | {"control_range": ["0.2 V", "0.3 V"]}}
    summary = run_study(study | narrow, tmp_path / "out")
    result = summary["results"][0]
    assert result["flags"]["multistable"] == 1
    page = write_report(tmp_path / "out").read_text()
    assert "More than one solution" in page
    assert "<td>c1</td>" in page


def test_what_screening_takes_for_the_read_outs_noise_is_amplified_as_the_current_is(monkeypatch) -> None:
    heard: list[float] = []

    class HeardError(Exception):
        """No need to screen."""

    def screened(*_: object, noise: float, **__: object) -> None:
        heard.append(noise)
        raise HeardError

    monkeypatch.setattr(screening, "screen", screened)
    stated = 'readout.noise={psd="1e-4 nA^2/Hz", at="1 kHz", colour="white"}'
    for amplifier in ([], ["readout.kind=transimpedance", "readout.gain=100 Mohm"]):
        study = parse_study(load_study("sphere", [stated, *amplifier]))
        with pytest.raises(HeardError):
            screening.choose(study, build_graph, electrode_names(study))
    window = study.perturbation.window
    assert heard[0] == pytest.approx(np.sqrt(1e-22 / (2 * window)))
    assert heard[1] == pytest.approx(1e8 * heard[0])

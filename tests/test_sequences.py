"""Studies that play their patterns in one transient: both ways from the file to the result."""

import subprocess

import numpy as np
import pytest

from hge_spice.drive.plateaus import GUARD
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.against_truth import against_truth
from hge_spice.study.sweep.sampling import trials
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, load_study
from hge_spice.study.trial.trial import run_trial

SMALL = ["training.steps=2", "training.starts=1", "perturbation.amplitude=2 mV"]
SEQUENCE = ["perturbation.patterns=sequence", "perturbation.ramp=20 ms"]


def test_a_study_trains_in_one_transient_per_extraction_and_pays_for_its_ramps(tmp_path) -> None:
    apart = run_trial(parse_study(load_study("xor", SMALL)), tmp_path / "apart")
    together = run_trial(parse_study(load_study("xor", [*SMALL, *SEQUENCE])), tmp_path / "together")
    assert together["control"] == pytest.approx(apart["control"], abs=1e-6)
    assert together["outputs"] == pytest.approx(apart["outputs"], rel=1e-5)
    pitch = 25e-3 * (1 + GUARD / together["points"]) + 20e-3
    assert apart["simulated_seconds"] == pytest.approx(16 * 25e-3)
    assert together["simulated_seconds"] == pytest.approx(16 * pitch)  # read-outs have ramps too
    assert together["energy_joule"] > apart["energy_joule"]
    assert (together["patterns"], together["ramp"]) == ("sequence", 20e-3)
    assert (apart["patterns"], apart["ramp"]) == ("separate", None)
    deck = (tmp_path / "together" / "netlist.cir").read_text()
    assert deck.count(" PWL(") == 2
    command = ["ngspice", "-b", "-r", "all.raw", "netlist.cir"]
    subprocess.run(command, cwd=tmp_path / "together", check=True, capture_output=True)
    assert (tmp_path / "together" / "all.raw").stat().st_size > 10_000


@pytest.mark.parametrize("more", [[], ['imperfections.readout_noise={ psd = "1e-7 nA^2/Hz", at = "1 kHz" }']])
def test_the_gradient_command_gives_the_same_within_its_bars(more) -> None:
    found = {}
    for name, settings in (("apart", []), ("together", SEQUENCE)):
        study = parse_study(load_study("xor", ["perturbation.amplitude=2 mV", *settings, *more]))
        with Bench.of(study) as bench:
            found[name] = against_truth(bench, bench.control())
    apart, together = (np.array(found[name]["estimate"]) for name in ("apart", "together"))
    bars = np.hypot(*(np.array(found[name]["bar_95"], dtype=float) for name in ("apart", "together")))
    assert np.mean(np.abs(apart - together) <= bars) >= (0.8 if more else 1.0)
    assert found["together"]["truth"] == found["apart"]["truth"]
    if not more:
        assert found["together"]["relative_error_max"] < 2e-3


def test_both_ways_can_be_swept() -> None:
    swept = load_study("xor", [*SEQUENCE, 'sweep."perturbation.patterns"=["separate", "sequence"]'])
    assert [t.raw["perturbation"]["patterns"] for t in trials(swept)] == ["separate", "sequence"]


def test_batches_are_played_in_one_transient(tmp_path) -> None:
    plain = ["training.rule=adam", "training.rate=30 mV", "training.loss=gap", "training.patience=none"]
    study = parse_study(load_study("xor", [*SMALL, *SEQUENCE, *plain, "training.batch=2"]))
    result = run_trial(study, tmp_path)
    pitch = 25e-3 * (1 + GUARD / result["points"]) + 20e-3
    assert result["extractions"] == 4
    assert result["simulated_seconds"] == pytest.approx((4 + 4) * pitch)  # two batches of two, and all once


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["perturbation.patterns=sequenc"], r"perturbation\.patterns: unknown way to play patterns 'sequenc'"),
        (["perturbation.ramp=0 s"], r"perturbation\.ramp"),
        ([*SEQUENCE, "training.estimator=small_signal"], "small_signal plays no patterns"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, message) -> None:
    with pytest.raises(StudyError, match=message):
        parse_study(load_study("xor", settings))


def test_states_are_drawn_back_or_go_on_but_not_both() -> None:
    both = [*SEQUENCE, "perturbation.reset=true", "device.reinitialise=false"]
    with pytest.raises(StudyError, match="ask for one of the two"):
        parse_study(load_study("and_sinh", both))

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.against_truth import against_truth
from hge_spice.study.lab.setup_file import write_new
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.study.trial.trial import run_trial
from hge_spice.traces import read_raw

SMALL = ["training.steps=2", "training.starts=1", "perturbation.amplitude=2 mV"]


def test_a_trials_folder_holds_what_it_was_made_of(tmp_path: Path) -> None:
    seen = []
    result = run_trial(
        parse_study(load_study("xor", SMALL)), tmp_path, lambda start, step: seen.append((start, step.number))
    )
    assert seen == [(0, 1), (0, 2)]
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"steps.parquet", "netlist.cir", "graph.json", "gradient.json", "waveform.raw"}
    assert names >= {f"readout-{p}.cir" for p in range(4)}
    steps = pd.read_parquet(tmp_path / "steps.parquet")
    assert steps["step"].tolist() == [1, 2]
    assert [steps.iloc[-1][f"output.{p}"] for p in range(4)] == result["outputs"]
    assert [steps.iloc[-1][f"control.{name}"] for name in result["controls"]] == result["control"]
    # two steps of four extractions, each followed by four read-outs
    assert result["extractions"] == 8
    assert result["simulated_seconds"] == pytest.approx(16 * 25e-3)
    assert result["energy_joule"] > result["perturbation_energy_joule"]
    plots = read_raw(tmp_path / "waveform.raw")
    assert len(plots) == 4
    compared = json.loads((tmp_path / "gradient.json").read_text())
    assert compared["relative_error_max"] == result["relative_error_max"]
    assert compared["flags"] == result["relative_error_flags"]
    json.dumps(result, allow_nan=False)


def test_a_solution_without_the_margin_asked_for_is_kept_while_the_search_goes_on(tmp_path: Path) -> None:
    """This start has 0.32 of the span after its first step, and loses it in the second."""
    passing = ["device.engine=quasistatic", "perturbation.amplitude=5 mV", "training.seed=1", "training.steps=2"]
    seen = []
    result = run_trial(
        parse_study(load_study("xor", [*passing, "training.starts=2", "training.gap_over_span=0.5"])),
        tmp_path,
        lambda start, step: seen.append((start, step)),
    )
    assert [start for start, _ in seen] == [0, 0, 1, 1]  # it went on to look for more
    assert not seen[1][1].margin.solved
    widest = max((step for _, step in seen if step.margin.solved), key=lambda step: step.margin.gap_over_span)
    assert widest is seen[0][1]
    assert result["solved"]
    assert (result["start"], result["starts"], result["steps"]) == (1, 2, 1)
    assert result["control"] == widest.control.tolist()
    assert 0.3 <= result["gap_over_span"] == widest.margin.gap_over_span < 0.5
    assert result["simulated_seconds"] >= sum(step.cost.simulated_seconds for _, step in seen)  # all of it is paid for
    met = run_trial(parse_study(load_study("xor", [*passing, "training.gap_over_span=0.3"])), tmp_path / "met")
    assert (met["starts"], met["steps"], met["control"]) == (1, 1, result["control"])


def test_the_same_study_gives_the_same_bits(tmp_path: Path) -> None:
    study = parse_study(load_study("xor", SMALL))
    a, b = (run_trial(study, tmp_path / name) for name in "ab")
    assert a["outputs"] == b["outputs"]
    assert a["control"] == b["control"]
    assert (tmp_path / "a/netlist.cir").read_bytes() == (tmp_path / "b/netlist.cir").read_bytes()


def test_amplitude_auto_is_chosen_and_paid_for(tmp_path: Path) -> None:
    result = run_trial(parse_study(load_study("xor", ["training.steps=1", "training.starts=1"])), tmp_path)
    assert len(set(result["amplitude"])) == 1
    assert 5e-3 < result["amplitude"][0] < 0.14
    assert result["extractions"] >= 4 + 2 * 4


def test_gradient_against_truth_in_the_words_of_the_interface() -> None:
    with Bench.of(parse_study(load_study("xor", ["perturbation.amplitude=1 mV"]))) as bench:
        found = against_truth(bench, bench.control())
        deck = bench.deck()
    estimate, truth = np.array(found["estimate"]), np.array(found["truth"])
    assert estimate.shape == truth.shape == (4, 5)
    by_hand = max(np.abs(e - t).max() / np.abs(t).max() for e, t in zip(estimate, truth, strict=True))
    assert found["relative_error_max"] == pytest.approx(by_hand)
    assert found["relative_error_max"] < 5e-3
    assert found["cosine"] > 0.99999
    assert found["estimate_unit"] == "A/V"
    assert found["truth_method"] == "ac"
    assert ".tran" in deck
    json.dumps(found, allow_nan=False)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write_new(tmp_path / "deck.cir", "one")
    with pytest.raises(ValueError, match=r"deck\.cir exists"):
        write_new(tmp_path / "deck.cir", "two")
    assert (tmp_path / "deck.cir").read_text() == "one"

"""training.where = "circuit": shipped studies at the tests' size, what their results say, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from markupsafe import escape

from hge_spice.study.bench.bench import Bench
from hge_spice.study.report.report import write_report
from hge_spice.study.run.runner import run_study
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, load_study
from hge_spice.study.trial.circuit import study_deck


def ran(name: str, out: Path, *settings: str, smoke: bool = True) -> list[dict[str, Any]]:
    results = run_study(load_study(name, list(settings), smoke=smoke), out)["results"]
    assert all(result["status"] == "done" for result in results), results
    return results


INVERTED = 'readout={kind="transimpedance", gain="100 Mohm", bandwidth="100 kHz"}'


@pytest.mark.parametrize(
    ("name", "settings"),
    [("and_in_circuit", ['task.name="nand"', INVERTED]), ("xor_in_circuit_macro", ["circuit.loop=true"])],
)
def test_a_circuit_runs_and_says_how_true_it_is(name, settings, tmp_path):
    (result,) = ran(name, tmp_path, *settings)
    assert result["lockin_error_max"] < 2e-2
    assert result["loop_deviation_max"] < 5e-2
    assert "uneven" not in result["flags"]
    known = json.loads(next(tmp_path.glob("trials/*/circuit.json")).read_text())
    used = [line["use"] for line in known["design"]]
    assert used == sorted(used, reverse=True)
    assert 0.1 < used[0] < 2  # a design near its bounds, and not far beyond
    assert used[0] == result["tightest_use"]
    assert result["tightest"] == known["design"][0]["name"]
    assert result["predicted_deviation_max"] < 5e-3  # neither tones nor ngspice in it
    assert result["circuit_power"] == pytest.approx(sum(block["power_watt"] for block in known["blocks"]))
    assert result["circuit_transistors"] == sum(block["transistors"] for block in known["blocks"])
    for side in ("circuit", "digital"):
        energy = result[f"{side}_learning_seconds"] * result[f"{side}_power"]
        assert result[f"{side}_learning_joule"] == pytest.approx(energy, rel=1e-3)  # the device's share is small
    assert result["digital_learning_seconds"] < result["circuit_learning_seconds"]  # no steps for switches
    assert result["digital_power"] > sum(block["power_watt"] for block in known["digital"])  # and conversions
    page = write_report(tmp_path).read_text()
    assert "lock-in: mixer and gated integrator" in page
    assert "converter of a control, buffered" in page
    assert escape(f"Tightest: {result['tightest']}") in page
    assert "Missing here" not in page
    steps = pd.read_parquet(next(tmp_path.glob("trials/*/steps.parquet")))
    assert len(steps) == 3
    assert steps.filter(like="truth.0.").notna().sum().eq(2).all()  # the first epoch only fills the holds
    assert list(tmp_path.glob("trials/*/learning-0.cir"))
    assert not list(tmp_path.glob("trials/*/learning-0.raw"))


def test_the_deck_is_the_same_every_time_and_holds_the_device():
    study = parse_study(load_study("target_in_circuit", ['sweep={"training.seed"=[0]}', "training.steps=2"]))
    with Bench.of(study) as bench:
        text = study_deck(bench)
        assert text == study_deck(bench)
    assert text.count("sinh") > 10
    assert ".tran" in text


CIRCUITS = (
    "and_in_circuit",
    "feedthrough_in_circuit",
    "gates_in_circuit",
    "leak_in_circuit",
    "range_in_circuit",
    "offset_in_circuit",
    "target_in_circuit",
    "target_in_circuit_transistor",
)


@pytest.mark.parametrize("name", [*CIRCUITS, "xor_in_circuit", "xor_in_circuit_macro"])
def test_every_shipped_circuit_has_a_deck(name):
    with Bench.of(parse_study(load_study(name, ["sweep={}"]))) as bench:
        assert ".tran" in study_deck(bench)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["circuit.error=mse"], "task.targets: the error mse needs two output currents"),
        (["device.engine=quasistatic"], "training.where: a circuit is simulated by ngspice"),
        (["lockin.filter=hann"], "lockin: the circuit averages over whole windows"),
        (["imperfections={preset='cryostat_77K'}"], "imperfections: they are of a loop's instruments"),
        (["circuit.level=makro"], "unknown level 'makro'; did you mean macro"),
        (["circuit.leak=0 s"], "circuit.leak: '0 s' should be above 0 s"),
        (["circuit.chopped=true", "perturbation.points=75"], "chopping halves a window, 75 points are odd; take 76"),
        (["circuit.power.amplifier=5 V"], "circuit.power.amplifier"),
        (["circuit.digital.bits=0"], "circuit.digital.bits: 0 should be a whole number, 1 up to 32"),
    ],
)
def test_what_a_circuit_cannot_do_is_refused(settings, message):
    with pytest.raises(StudyError, match=message.replace("(", r"\(")):
        parse_study(load_study("xor_in_circuit", settings))


def test_powers_and_conversions_are_the_studys(tmp_path):
    """What a part draws and what a conversion takes are settings, each where it says."""
    name, settings = "target_in_circuit", ['sweep={"training.seed"=[0]}', "training.steps=2", "circuit.loop=false"]
    (plain,) = ran(name, tmp_path / "plain", *settings, smoke=False)
    free = [f"circuit.power.{part}=0 W" for part in ("multiplier", "amplifier", "comparator")]
    (found,) = ran(
        name, tmp_path / "free", *settings, *free, "circuit.digital.conversion=1 uJ", "circuit.digital.setting=0 J",
        "circuit.digital.operation=0 J", "circuit.digital.standing=0 W", smoke=False,
    )  # fmt: skip
    assert plain["circuit_power"] > 1
    assert found["circuit_power"] == 0
    assert found["digital_power"] == pytest.approx(1e-6 * plain["points"] / plain["window"])
    assert found["control"] == plain["control"]


@pytest.mark.parametrize(
    ("settings", "flag"),
    [
        (["circuit.multiplier_offset=1 V"], "false_gradient"),
        (["circuit.multiplier_offset=1 V", "circuit.auto_zero=true"], None),
        (["circuit.level=macro", "circuit.chopped=true", "circuit.multiplier_range=2 V"], "false_gradient"),
        (["perturbation.amplitude=100 mV"], "coarse"),  # the curvature's share
    ],
)
def test_lock_ins_that_are_off_are_flagged_by_their_cause(settings, flag, tmp_path):
    settings = [*settings, 'sweep={"training.seed"=[0]}', "training.steps=2", "circuit.loop=false"]
    (result,) = ran("target_in_circuit", tmp_path, *settings, smoke=False)
    assert (result["lockin_error_max"] > 2e-2) == (flag is not None)
    assert {"false_gradient", "coarse"} & set(result["flags"]) == ({flag} if flag else set())


@pytest.mark.long
@pytest.mark.parametrize("name", ["and_in_circuit", "xor_in_circuit", "xor_in_circuit_macro"])
def test_it_is_solved(name, tmp_path):
    (result,) = ran(name, tmp_path, smoke=False)
    assert result["solved"], result


@pytest.mark.long
def test_ten_starts_reach_one_target_current(tmp_path):
    results = ran("target_in_circuit", tmp_path, smoke=False)
    assert sum(result["solved"] for result in results) >= 9
    assert all(result["lockin_error_max"] < 2e-2 for result in results)

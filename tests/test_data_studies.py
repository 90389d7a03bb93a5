"""Studies of data: shipped ones at the tests' size, what a result holds, bad tables at the command line."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hge_spice.cli import main
from hge_spice.linear import Decision, fit
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.study.bench.network import build_graph
from hge_spice.study.beside.baselines import digital, linear, paired_difference, wilson
from hge_spice.study.run.runner import run_study
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.tables.task import build_task
from hge_spice.study.text.files import StudyError, load_study
from hge_spice.tasks import TASKS

STUDIES = ("sphere", "ring", "ring_five", "iris", "breast_cancer")


@pytest.mark.parametrize("name", STUDIES)
def test_it_runs_at_the_tests_size_and_ngspice_agrees(name: str, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    study = load_study(name, smoke=True)
    (result,) = run_study(study, tmp_path)["results"]
    assert result["status"] == "done", result["reason"]
    assert result["confirmed"]["largest_difference"] < 1e-6
    assert result["confirmed"]["gradient_difference"] < 1e-4
    assert result["random_settings"] == 2 * 2 + (result["screening"]["settings"] if "screening" in result else 0)
    screened = ("screened",) if "screening" in result else ()
    for other in ("random", "logistic", "digital", *screened):
        by = result["test_accuracy"] - result[f"{other}_test_accuracy"]
        assert result[f"better_than_{other}"] == pytest.approx(by)
        assert result[f"better_than_{other}_low"] <= by <= result[f"better_than_{other}_high"]
    for who in ("", "random_", "logistic_", "digital_", *(f"{each}_" for each in screened)):
        right = result[f"{who}test_accuracy"] * result["test_patterns"]
        assert right == pytest.approx(round(right))
        assert result[f"{who}test_accuracy_low"] < result[f"{who}test_accuracy"] <= result[f"{who}test_accuracy_high"]
    if screened:
        found = result["screening"]
        assert found["settings"] + found["tried"] - 1 <= found["settings_in_all"] <= found["points"] / found["patterns"]
    # the decision can be made again from what is on disk, by the training patterns alone
    task = build_task(parse_study(study).task)
    (table,) = tmp_path.glob("trials/*/patterns.csv")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    outputs = np.array([[float(row[key]) for key in row if key.startswith("output.")] for row in rows])
    assert np.array_equal([float(row["class"]) for row in rows], task.classes)
    decision = Decision.learned(outputs, task.classes, task.wanted, result["noise"])
    assert np.mean(decision.decided(outputs) == task.classes) == pytest.approx(result["train_accuracy"])
    assert json.dumps(result, allow_nan=False)


@pytest.mark.long
def test_a_sweep_tells_the_mean_advantage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    small = ("task.train=8", "task.test=8", "task.confirm=0", "electrodes.screen_points=9000", "training.steps=1")
    settings = [word for each in small for word in ("--set", each)]
    words = ["run", "sphere_devices", "--smoke", "--jobs", "1", "--out", str(tmp_path / "out"), *settings]
    monkeypatch.setattr("sys.argv", ["hge-spice", *words])
    with pytest.raises(SystemExit):
        main()
    with (tmp_path / "out" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len({(row["screening.output"], row["screening.inputs"]) for row in rows}) == 2
    mean = np.mean([float(row["better_than_random"]) for row in rows])
    assert f"better than the best of as many random settings by {mean:.3f}" in capsys.readouterr().out


def test_what_screening_alone_found_is_judged_at_the_setting_it_saw(tmp_path: Path) -> None:
    """From the record, on a device built anew with the chosen electrodes: the best by its share explained."""
    settings = ["device.sites=6", "training.estimator=adjoint", "training.steps=1", "task.train=20", "task.confirm=0"]
    raw = load_study("sphere", [*settings, "task.test=50", "electrodes.screen_points=23000"])
    (result,) = run_study(raw, tmp_path)["results"]
    assert result["status"] == "done", result["reason"]
    found, study = result["screening"], parse_study(raw)
    chosen = {"roles": None, **{key: found[key] for key in ("output", "inputs", "controls")}}
    study = study.model_copy(update={"electrodes": study.electrodes.model_copy(update=chosen)})
    task, device = build_task(study.task), QuasistaticDevice(build_graph(study))
    shown = [patterns(study.task.levels) for patterns in (task.inputs, task.test_inputs)]
    first = [[device.exact(np.array(each), x)[0] for x in shown] for each in found["first_controls"]]
    left = [fit(outputs, task.wanted, result["noise"])[0].left for outputs, _ in first]
    assert found["patterns"] == len(task.classes)
    assert np.argmin(left) == 0
    decision = Decision.learned(first[0][0], task.classes, task.wanted, result["noise"])
    assert np.mean(decision.decided(first[0][1]) == task.test_classes) == result["screened_test_accuracy"]


def test_a_regression_is_judged_by_its_error_and_its_specs(tmp_path: Path) -> None:
    study = load_study(
        "xor",
        [
            *("device.engine=quasistatic", "perturbation.amplitude=2 mV", "training.best_of=3"),
            *("device.sites=6", "task={name='sine', train=12, test=30}"),
            *('electrodes.inputs=["e2"]', 'electrodes.grounds=["e3"]', "training.loss=least_squares"),
            *("training.estimator=adjoint", "training.steps=6", "training.starts=1", "specs.test_error={max=1e-9}"),
        ],
    )
    (result,) = run_study(study, tmp_path)["results"]
    assert result["status"] == "done", result["reason"]
    assert not result["solved"]
    assert result["random_settings"] == 2 * 6 + 3
    assert 0 < result["test_error"] < 1.5
    # of one period of a sine a straight line explains 6/pi² of the variance
    assert result["logistic_test_error"] == pytest.approx(np.sqrt(1 - 6 / np.pi**2), abs=0.1)


def test_baselines_know_the_answer_where_it_is_known() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    ring = TASKS["ring"](rng=rng)
    straight = replace(ring, classes=(ring.bits[:, 0] > 0.5) * 1.0, test_classes=(ring.test_bits[:, 0] > 0.5) * 1.0)
    plain, curved = linear(straight), linear(ring)
    assert plain is not None
    assert curved is not None
    assert np.mean(plain.answers == straight.test_classes) > 0.95
    assert np.mean(curved.answers == ring.test_classes) < 0.65  # no line tells a disc from its ring
    assert plain.parameters == 3
    large, small = digital(ring, 60), digital(ring, 5)
    assert large is not None
    assert small is not None
    assert (large.parameters, small.parameters) == (61, 5)
    assert np.mean(large.answers == ring.test_classes) > 0.95
    assert np.mean(small.answers == ring.test_classes) < 0.8  # one hidden unit


def test_wilson_of_a_worked_example() -> None:
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe, Stat. Med. 17, 857 (1998), table I


def test_the_paired_interval_is_the_published_one() -> None:
    """The two worked examples, and on draws of known shares it covers as often as it says."""

    def of(both: int, first: int, second: int, neither: int) -> tuple[float, float, float]:
        counts = (both, first, second, neither)
        return paired_difference(np.repeat([True, True, False, False], counts), np.repeat([True, False] * 2, counts))

    # Fagerland, Lydersen & Laake, Stat. Med. 33, 2850 (2014): hyper-responsiveness before and after
    assert of(1, 1, 7, 12) == pytest.approx((-6 / 21, -0.507, -0.026), abs=5e-4)
    assert of(14, 5, 0, 22) == pytest.approx((5 / 41, 0.011, 0.226), abs=5e-4)  # Altman et al. 2000, table 6.2
    assert of(30, 0, 0, 10)[0] == 0  # the same answers differ by nothing, within little
    assert of(30, 0, 0, 10)[2] < of(20, 10, 10, 0)[2]
    rng, covered = np.random.default_rng(0), []
    for _ in range(2000):
        u = rng.random(100)
        _, low, high = paired_difference(u < 0.8, (u < 0.6) | ((u > 0.8) & (u < 0.9)))
        covered.append(low <= 0.1 <= high)
    assert 0.93 < np.mean(covered) < 0.97


def test_it_is_the_same_patterns_that_both_answer() -> None:
    """Of two networks that are right as often, the interval of the difference says how much they agree."""
    right = np.arange(400) < 300
    apart = np.roll(right, 100)
    by, low, high = paired_difference(right, apart)
    assert by == 0
    assert high - low > 2 * np.ptp(paired_difference(right, right)[1:])


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("ring", ["training.loss=gap", "task.name=sine", 'electrodes.inputs=["e2"]'], "margin is no key of sine"),
        ("iris", ["training.loss=gap", "training.rule=adam"], "gap is of two classes, iris has 3; take least_squares"),
        ("iris", ["training.estimator=spsa"], "spsa can't read several outputs side by side"),
        ("xor", ["training.loss=least_squares"], "xor is judged by its output itself"),
        ("xor", ["training.best_of=5"], "training.best_of: xor is a truth table"),
        ("ring_five", ["electrodes={roles='screen'}"], "screening is of one network; name the electrodes of units"),
        ("iris", ["task.features=['sepal length']"], "iris has 1 inputs; 20 are named"),
    ],
)
def test_what_does_not_fit_is_said(name: str, settings: list[str], message: str) -> None:
    pytest.importorskip("sklearn")
    with pytest.raises(StudyError, match=message):
        parse_study(load_study(name, settings))


def test_the_readmes_table_is_a_study(tmp_path: Path) -> None:
    rows = "".join(f"{k},{k % 5},{k * k % 7},{k % 3},{'xyz'[k % 3]}\n" for k in range(60))
    (tmp_path / "mine.csv").write_text(f"a,b,c,d,kind\n{rows}")
    (tmp_path / "mine.toml").write_text(
        'extends = "iris.toml"\n[task]\nname = "table"\nfile = "mine.csv"\ncolumn = "kind"\ntest = 20\n'
        f"features = {list('abcd') * 5}\n"
    )
    task = build_task(parse_study(load_study(tmp_path / "mine.toml")).task)
    assert task.labels == ("x", "y", "z")
    assert task.bits.shape == (40, 20)


def test_a_bad_table_ends_in_one_message_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.csv").write_text("a,b,kind\n1,2,x\n1,oops,y\n3,4,x\n5,6,y\n")
    (tmp_path / "mine.toml").write_text(
        'extends = "xor.toml"\n[task]\nname = "table"\nfile = "data.csv"\ncolumn = "kind"\n'
    )
    monkeypatch.setattr("sys.argv", ["hge-spice", "run", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "line 3: b is 'oops'" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()

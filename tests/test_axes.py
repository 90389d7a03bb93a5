import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from hge_spice.study.sweep.axes import MOST, axes_of, number_of
from hge_spice.study.sweep.sampling import trials
from hge_spice.study.tables.spec import StudyError, parse_study
from hge_spice.study.text.files import load_study
from hge_spice.study.text.values import swept


@pytest.fixture(scope="module")
def xor():
    return load_study("xor")


def drawn(key, **sweep):
    (axis,) = axes_of({key: sweep.pop("spread"), **sweep})
    return np.array([number_of(setting[key]) for setting in axis.settings()])


def test_keys_that_run_together_are_one_axis(xor):
    sweep = {
        "zip": ["training.seed", "device.temperature"],
        "training.seed": [1, 2, 3],
        "device.temperature": {"linspace": ["70 K", "80 K", 3]},
        "task.name": ["xor", "and"],
    }
    found = [tuple(trial.parameters.values()) for trial in trials(xor, sweep)]
    assert found[:3] == [(1, "70 K", "xor"), (1, "70 K", "and"), (2, "75 K", "xor")]
    assert len(found) == 6


def test_corners_are_every_combination_of_ends_and_one_nominal(xor):
    sweep = {
        "device.temperature": {"corners": ["70 K", "77 K", "84 K"]},
        "readout.noise.at": {"corners": ["1 Hz", "1 kHz", "2 kHz"]},
    }
    found = [tuple(trial.parameters.values()) for trial in trials(xor, sweep)]
    assert found == [
        ("70 K", "1 Hz"),
        ("70 K", "2 kHz"),
        ("84 K", "1 Hz"),
        ("84 K", "2 kHz"),
        ("77 K", "1 kHz"),
    ]


@pytest.mark.parametrize("sampling", ["monte_carlo", "latin", "sobol"])
@pytest.mark.parametrize(
    ("spread", "law"),
    [
        ({"uniform": ["1 mV", "3 mV"]}, stats.uniform(1e-3, 2e-3)),
        ({"loguniform": ["1 mV", "1 V"]}, stats.loguniform(1e-3, 1)),
        ({"normal": ["77 K", "2 K"]}, stats.norm(77, 2)),
        ({"lognormal": ["10 nm", 0.2]}, stats.lognorm(0.2, scale=10e-9)),
    ],
)
def test_draws_follow_their_distribution(sampling, spread, law):
    found = drawn("a", spread=spread, samples=1024, sampling=sampling)
    # a stratified sample is closer to the law than a random one, so this bound is for the worst of the three
    assert stats.kstest(found, law.cdf).pvalue > 1e-3
    assert len(set(found)) == 1024


def test_stratified_samples_fill_every_stratum():
    for sampling in ("latin", "sobol"):
        found = drawn("a", spread={"uniform": [0, 1]}, samples=64, sampling=sampling)
        assert np.array_equal(np.sort(np.floor(64 * found)), np.arange(64))


def test_whole_numbers_and_choices_come_equally_often():
    whole = drawn("a", spread={"integers": [3, 10]}, samples=800, sampling="latin")
    assert np.array_equal(np.unique(whole, return_counts=True)[0], np.arange(3, 11))
    assert np.ptp(np.unique(whole, return_counts=True)[1]) <= 1
    (axis,) = axes_of({"task.name": {"choice": ["and", "or"]}, "samples": 10, "sampling": "latin"})
    names = [setting["task.name"] for setting in axis.settings()]
    assert names.count("and") == 5


def test_draws_are_the_same_each_time_and_others_with_another_seed():
    spread = {"normal": ["77 K", "2 K"]}
    first = drawn("a", spread=spread, samples=8)
    assert np.array_equal(first, drawn("a", spread=spread, samples=8, seed=0))
    assert not np.intersect1d(first, drawn("a", spread=spread, samples=8, seed=1)).size


def test_a_monte_carlo_within_a_grid_draws_the_same_devices_at_every_point(xor):
    sweep = {
        "perturbation.amplitude": ["1 mV", "2 mV"],
        "device.seed": {"integers": [0, 2**31]},
        "device.temperature": {"normal": ["77 K", "2 K"]},
        "samples": 5,
    }
    found = trials(xor, sweep)
    assert len(found) == 10
    devices = [(trial.parameters["device.seed"], trial.parameters["device.temperature"]) for trial in found]
    assert devices[:5] == devices[5:]
    assert len(set(devices)) == 5


def test_draws_that_mean_the_same_are_one_trial(xor):
    found = trials(xor, {"task.name": {"choice": ["and", "or"]}, "samples": 20})
    assert {trial.parameters["task.name"] for trial in found} == {"and", "or"}
    assert len(found) == 2


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({f"device.k{n}": {"linspace": [0, 1, 1000]} for n in range(4)}, "1000000000000 trials are more than"),
        ({"a": {"uniform": [0, 1]}, "samples": 10**12}, f"1000000000000 trials are more than {MOST}"),
        ({"a": {"uniform": [0, 1]}}, "need the number of samples"),
        ({"a": {"uniform": [1, 0]}, "samples": 4}, "the lower first"),
        ({"a": {"loguniform": [-1, 1]}, "samples": 4}, "above zero"),
        ({"a": {"normal": [0, 0]}, "samples": 4}, "a σ above zero"),
        ({"a": {"normal": ["1 V", "1 s"]}, "samples": 4}, "no unit in common"),
        ({"a": {"lognormal": ["-1 V", 1]}, "samples": 4}, "above zero"),
        ({"a": {"integers": [3, 1]}, "samples": 4}, "the lower first"),
        ({"a": {"uniform": [0, 1]}, "samples": 12, "sampling": "sobol"}, "take 8 or 16"),
        ({"a": {"uniform": [0, 1]}, "samples": 12, "sampling": "sobel"}, "did you mean sobol"),
        ({"a": {"uniform": [0, 1]}, "samples": 4, "seed": -1}, "0 or more"),
        ({"a": [1, 2], "samples": 4}, "for keys with a distribution"),
        ({"a": [1, 2], "b": [1], "zip": ["a", "b"]}, "a has 2, b has 1"),
        ({"a": [1, 2], "zip": ["a", "c"]}, "'c' is not swept"),
        ({"a": [1, 2], "b": [1, 2], "zip": [["a", "b"], ["a", "b"]]}, "comes twice"),
        ({"a": [1, 2], "zip": 3}, "swept keys that run together"),
        ({"a": {"corners": [1, 2]}}, "corners = \\[low, nominal, high\\]"),
        ({"cluster.workers": [1, 2]}, "can't be swept"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(xor, sweep, message):
    with pytest.raises(StudyError, match=message):
        trials(xor, sweep)


def test_a_huge_sweep_is_refused_before_it_is_laid_out(xor):
    with pytest.raises(StudyError) as refused:
        trials(xor, {f"k{n}": {"linspace": [0, 1, 100_000]} for n in range(20)})
    assert re.search(rf"\b{10**100} trials", str(refused.value))


def test_the_example_of_the_documentation_is_a_sweep(xor):
    text = (Path(__file__).parent.parent / "docs/scale.md").read_text(encoding="utf-8")
    written = tomllib.loads(text.split("```toml\n")[1].split("```")[0])
    axes = axes_of(swept(written["sweep"]))
    assert [axis.count for axis in axes] == [5, 2, 128]
    parse_study(xor | {"specs": written["specs"]})

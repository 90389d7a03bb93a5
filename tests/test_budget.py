import numpy as np
import pandas as pd
import pytest
from test_check_imperfection import Mixer, drives, least

from hge_spice import plot
from hge_spice.imperfections import IMPERFECTIONS, seen_through
from hge_spice.imperfections.presets import PRESETS
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.against_truth import repeated
from hge_spice.study.judge.budget import budget, sentence, write_budget
from hge_spice.study.tables.spec import StudyError, parse_study
from hge_spice.study.text.files import load_study


def row(active, seed, bias=0.0, spread=0.0, solved=True, extractions=100, status="done"):
    result = {
        "solved": solved,
        "extractions": extractions,
        "d_prime": 10.0 + seed,
        "gradient_bias": bias,
        "gradient_spread": spread,
    }
    parameters = {"imperfections.active": active, "training.seed": seed}
    return {"parameters": parameters, "status": status, "result": result if status == "done" else {}}


ROWS = [
    *(row("none", s, 0.01, 0.001) for s in range(4)),
    *(row("noise", s, 0.01, 0.04 + 0.01 * s) for s in range(4)),
    *(row("lag", s, 0.2, 0.001, solved=s > 1, extractions=400) for s in range(4)),
    *(row("all but lag", s, 0.01, 0.05) for s in range(4)),
    *(row("all but noise", s, 0.2, 0.001) for s in range(4)),
    *(row("all", s, 0.2, 0.05, solved=s > 2) for s in range(4)),
    row("hum", 0, status="failed"),
]


def test_the_budget_orders_by_cost_with_intervals() -> None:
    lines = budget(ROWS)
    assert [line.active for line in lines] == ["none", "all", "lag", "noise", "hum", "all but lag", "all but noise"]
    by = {line.active: line for line in lines}
    assert (by["lag"].solved, by["lag"].trials, by["lag"].bias) == (2, 4, pytest.approx(0.2))
    # Wilson's 95 % interval of 2 of 4, by hand: (p + z²/2n ± z√(p(1−p)/n + z²/4n²))/(1 + z²/n)
    z2 = 1.959964**2
    half = np.sqrt(z2) * np.sqrt(0.25 / 4 + z2 / 64) / (1 + z2 / 4)
    assert (by["lag"].solved_low, by["lag"].solved_high) == (pytest.approx(0.5 - half), pytest.approx(0.5 + half))
    errors = np.hypot(0.01, [0.04, 0.05, 0.06, 0.07])
    spread = 3.182446 * errors.std(ddof=1) / 2  # Student's quantile for three degrees of freedom
    assert by["noise"].error_high - by["noise"].error == pytest.approx(spread, rel=1e-6)
    assert by["noise"].d_prime == 11.5
    assert (by["hum"].failed, np.isnan(by["hum"].error)) == (1, True)


def test_the_sentence_names_what_costs_most_and_what_helps() -> None:
    said = sentence(budget(ROWS))
    assert said.startswith("lag costs most: derivatives are off by 20.0% of the largest")
    assert "no longer window averages away" in said
    assert "With all together 1 of 4 are solved" in said
    assert "All but lag: 4 of 4" in said
    spread = sentence(budget([r for r in ROWS if r["parameters"]["imperfections.active"] in {"none", "noise"}]))
    assert "4 times the window halves it" in spread
    cycles = sentence(budget([row("none", 0), row("variability", 0, 0.01, 0.1)]))
    assert "neither a longer window nor a larger amplitude" in cycles
    idle = [row("none", 0, 0.01), row("adc", 0, 0.0101)]
    assert sentence(budget(idle)).startswith("None adds")
    untold = [row("none", 0), row("adc", 0, status="failed")]
    assert "set budget.repeats" in sentence(budget(untold))
    assert sentence(budget([row("none", 0)])) == ""


def test_it_is_written_beside_the_report_and_drawn(tmp_path) -> None:
    lines = write_budget(ROWS, tmp_path)
    table = pd.read_csv(tmp_path / "budget.csv")
    assert table["active"].tolist() == [line.active for line in lines]
    assert (tmp_path / "budget.txt").read_text() == sentence(lines) + "\n"
    figure = plot.budget(table.to_dict("records"))
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths == pytest.approx(np.nan_to_num(100 * table["error"]), rel=1e-9)
    assert write_budget([{"parameters": {}, "status": "done", "result": {}}], tmp_path) == []


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_are_imperfections_that_a_bench_can_have(name: str) -> None:
    study = parse_study(least({"preset": name}))
    assert set(study.imperfections) == set(PRESETS[name]) <= IMPERFECTIONS.keys()
    found = seen_through(Mixer(), study.imperfections, 1).measure(drives()[0])
    assert np.isfinite(found.output).all()
    without = parse_study(least({"preset": name, "dac": {"bits": "off", "range": "1 V"}}))
    assert without.imperfections["dac"]["bits"] == "off"


def test_which_act_is_one_word() -> None:
    def acting(word: str) -> set[str]:
        return set(parse_study(least({"preset": "cryostat_77K", "active": word})).imperfections)

    every = set(PRESETS["cryostat_77K"])
    assert acting("all") == every
    assert acting("none") == set()
    assert acting("adc") == {"adc"}
    assert acting("all but adc") == every - {"adc"}
    for given, message in (
        ({"active": "all but adc"}, "'adc' is not stated; there are none"),
        ({"preset": "bench"}, "unknown preset 'bench'"),
        ({"active": 3}, "should be a text"),
    ):
        with pytest.raises(StudyError, match=message):
            parse_study(least(given))


def test_bias_and_spread_are_told_apart_on_a_real_device() -> None:
    """Read-out noise alone makes the spread of theory and no bias beyond the tones' own; lag makes bias alone."""
    raw = load_study("xor") | {"perturbation": {"amplitude": "1 mV", "window": "25 ms"}}
    noise = {"readout_noise": {"psd": "1e-6 nA^2/Hz"}}
    with Bench.of(parse_study(raw | {"imperfections": noise})) as bench:
        found = repeated(bench, bench.control(), 40)
        largest = [np.abs(t).max() for t in _truths(bench)]
    wanted = np.sqrt(1e-24 / 25e-3) / 1e-3 * np.sqrt(np.mean(1 / np.array(largest) ** 2))
    assert found["gradient_spread"] == pytest.approx(wanted, rel=0.1)
    assert found["gradient_bias"] < 0.3 * found["gradient_spread"]
    with Bench.of(parse_study(raw | {"imperfections": {"tia": {"gain_error": "5 %"}}})) as bench:
        off = repeated(bench, bench.control(), 2)
        shares = [np.sqrt(np.mean((t / np.abs(t).max()) ** 2)) for t in _truths(bench)]
    assert off["gradient_bias"] == pytest.approx(0.05 * np.sqrt(np.mean(np.square(shares))), rel=0.03)
    assert off["gradient_spread"] < 1e-9


def _truths(bench: Bench) -> list[np.ndarray]:
    from hge_spice.gradient import small_signal  # noqa: PLC0415 - of this check alone

    return [t.jacobian for t in small_signal(bench.dut, bench.control(), bench.recipe.inputs, bench.recipe.measurement)]

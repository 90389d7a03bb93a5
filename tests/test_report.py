import json
import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from hge_spice import plot
from hge_spice.graph import assign_roles, dopant_network
from hge_spice.study.judge.flags import MEANINGS
from hge_spice.study.report.report import write_report
from hge_spice.study.report.svg import svg
from hge_spice.study.run.ledger import Ledger
from hge_spice.tasks import TASKS
from hge_spice.traces import write_raw

STUDY = """
title = {title}
[device]
family = "dopant"
[electrodes]
output = "e0"
control_range = ["-0.7 V", "0.7 V"]
[task]
name = "xor"
[perturbation]
amplitude = "auto"
window = "25 ms"
[readout.noise]
psd = "1e-5 nA^2/Hz"
"""
PICTURES = {
    "truth_table": "Output current of every pattern",
    "loss_curves": "Loss and gap over span",
    "control_curves": "Control voltages",
    "gradient_against_truth": "Estimated derivatives",
    "spectrum": "Amplitude spectrum",
    "network": "The network with its electrodes",
}
CONTROLS = ("e1", "e4", "e5", "e6", "e7")
INPUTS = [(-0.3, -0.3), (-0.3, 0.3), (0.3, -0.3), (0.3, 0.3)]
OUTPUTS = [2e-9, 7e-9, 8e-9, 3e-9]
HARMONICS, POINTS, WINDOW = (7, 11, 16, 17, 19), 75, 25e-3
SIGMA = 1.4142135e-11
SCRIPT = Path(write_report.__code__.co_filename).with_name("report.js")
VERSIONS = {"hge-spice": "0.1.0", "numpy": "9.9"}


def write_trial(folder: Path, controls: tuple[str, ...] = CONTROLS) -> dict:
    """A trial's folder as trial.py leaves it, two starts of which the second is solved; returns its result."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    gap = 4e-9
    rows = [
        {"start": start, "step": step, "loss": 1 / step, "gap": gap, "span": 6e-9, "gap_over_span": gap / 6e-9}
        | {"contrast": 0.75, "d_prime": gap / SIGMA, "solved": start == 2 and step == 3, "flags": "", "clipped": ""}
        | {f"control.{name}": rng.uniform(-0.7, 0.7) for name in controls}
        | {f"output.{p}": output for p, output in enumerate(OUTPUTS)}
        for start in (1, 2)
        for step in (1, 2, 3)
    ]
    pd.DataFrame(rows).to_parquet(folder / "steps.parquet", index=False)
    graph = assign_roles(dopant_network(seed=13), output="e0", inputs=("e2", "e3"), controls=CONTROLS)
    graph = nx.relabel_nodes(graph, dict(zip(CONTROLS, controls, strict=True)))
    (folder / "graph.json").write_text(json.dumps(nx.node_link_data(graph, edges="edges")))
    truth = 1e-9 * rng.uniform(-20, 20, (4, 5))
    comparison = {
        "controls": controls,
        "control": [rows[-1][f"control.{name}"] for name in controls],
        "inputs": INPUTS,
        "estimate": (1.01 * truth).tolist(),
        "estimate_unit": "A/V",
        "stderr": np.full((4, 5), 1e-11).tolist(),
        "stderr_stated_noise": np.full((4, 5), 1e-9).tolist(),
        "bias": np.full((4, 5), np.nan).tolist(),
        "truth": truth.tolist(),
        "relative_error": [0.01, 0.01, 0.02, 0.01],
        "relative_error_max": 0.02,
        "harmonics": HARMONICS,
        "window": WINDOW,
        "points": POINTS,
        "flags": ["nonlinear"],
    }
    (folder / "gradient.json").write_text(json.dumps(comparison))
    time = WINDOW * np.arange(POINTS) / POINTS
    wave = sum(np.sin(2 * np.pi * h * time / WINDOW) for h in HARMONICS)
    plots = [
        (f"pattern {p}: inputs {a:g} V, {b:g} V", {"time": time, "i(output)": OUTPUTS[p] + 1e-10 * wave})
        for p, (a, b) in enumerate(INPUTS)
    ]
    write_raw(folder / "waveform.raw", plots)
    return {
        "solved": True,
        "steps": 3,
        "starts": 2,
        "loss": -0.25,
        "extractions": 24,
        "simulated_seconds": 1.2,
        "energy_joule": 3.4e-8,
        "perturbation_energy_joule": 5.6e-10,
        "outputs": OUTPUTS,
        "gap": gap,
        "gap_over_span": gap / 6e-9,
        "contrast": 0.75,
        "d_prime": gap / SIGMA,
        "control": comparison["control"],
        "controls": controls,
        "classes": TASKS["xor"]().classes.tolist(),
        "amplitude": [0.032] * 5,
        "points": POINTS,
        "harmonics": HARMONICS,
        "settle": 0.0,
        "relative_error_max": 0.02,
        "flags": {"nonlinear": 6, "low_snr": 1, "unheard_of": 2},
    }


def write_run(directory: Path, title: str = "XOR by hand", controls: tuple[str, ...] = CONTROLS) -> Path:
    """One trial, done and solved; returns its folder."""
    folder = directory / "trials" / "0123456789ab"
    with Ledger(directory) as ledger:
        ledger.add("0123456789ab", 0, {}, 7)
        ledger.start("0123456789ab")
        ledger.finish("0123456789ab", write_trial(folder, controls), 4.5, VERSIONS)
    (directory / "study.toml").write_text(STUDY.format(title=json.dumps(title)))
    return folder


class Page(HTMLParser):
    """Elements, text and attributes of a report."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def pictures(self) -> set[str]:
        labels = [about["aria-label"] for _, about in self.elements if about.get("role") == "img"]
        return {name for name, begin in PICTURES.items() for label in labels if str(label).startswith(begin)}

    def values(self, name: str) -> list[str]:
        return [str(about[name]) for _, about in self.elements if about.get(name) is not None]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    directory = tmp_path_factory.mktemp("runs") / "of mine"
    write_run(directory)
    path = write_report(directory)
    assert path == directory / "report.html"
    assert {p.name for p in directory.iterdir()} == {"ledger.sqlite", "report.html", "study.toml", "trials"}
    return Page(path)


def test_a_report_shows_every_picture_and_the_numbers_behind_them(page):
    assert page.pictures == set(PICTURES)
    assert "Missing here" not in page.text
    for words in (
        "XOR by hand",
        "1 trial: 1 done, 0 failed · solved 1 of 1 · 4.5 s of computing",
        "✓ solved 2 3 24 −0.25 4 nA 0.667 0.75 283 2 % 1.2 s 34 nJ 4.5 s",
        "24 extractions in all) and read-outs took 1.2 s of the device's time and 34 nJ, of which the tones",
        "delivered 560 pJ",
        "−0.3 V, 0.3 V 1 7 nA 2 nA 141.4 σ",
        "0.3 V, 0.3 V 0 3 nA 2 nA 141.4 σ",
        "gap / span 0.667 ≥ 0.3 ✓",
        "d′: gap / σ, σ = 14.1 pA 283 ≥ 6.2 ✓",
        "tone amplitude, peak 32 mV auto",
        "tones, harmonics of 1/window 7, 11, 16, 17, 19 default",
        "dead time before each window 0 s default",
        "for 0.3 V, −0.3 V: the one whose gradient is furthest from the truth",
        "mean-field model",
        "localisation 10 nm",
        "numpy 9.9",
    ):
        assert words in page.text, words


def test_flags_are_explained(page):
    assert "nonlinear 6 steps, the comparison with the truth 3rd-order products are predicted" in page.text
    assert "low_snr 1 step The largest response" in page.text
    assert "unheard_of 2 steps" in page.text


def test_every_flag_that_the_code_raises_has_an_explanation():
    of_estimates = ("nonlinear", "curvature_unseen", "lag", "collision", "low_snr", "below_tolerance", "coarse")
    of_the_solver = (
        "unsettled",
        "clipped",
        "unphysical",
        "uneven",
        "newton_limit",
        "gmin_stepping",
        "source_stepping",
        "transient_op",
    )
    for flag in (*of_estimates, *of_the_solver):
        assert MEANINGS[flag]


def test_a_report_stands_alone(page):
    assert len(page.source.encode()) < 2e6
    assert not {tag for tag, _ in page.elements} & {
        "script",
        "iframe",
        "object",
        "embed",
        "base",
        "img",
        "foreignobject",
    }
    for name in ("src", "href", "xlink:href", "srcset", "data", "action"):
        assert all(value.startswith(("#", "data:,")) for value in page.values(name)), name
    assert not [name for _, about in page.elements for name in about if name.startswith("on")]
    assert set(re.findall(r"url\((.)", page.source)) <= {"#"}
    assert "@import" not in page.source
    assert set(re.findall(r"\w+://[\w./]*", page.source)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_identifiers_are_unique_and_every_reference_resolves(page):
    identifiers = page.values("id")
    assert len(identifiers) == len(set(identifiers))
    used = {value[1:] for name in ("href", "xlink:href") for value in page.values(name) if value.startswith("#")}
    used |= set(re.findall(r"url\(#([^)]*)\)", page.source))
    assert used <= set(identifiers)


def test_the_command_to_run_it_again_survives_a_shell(page):
    (command,) = re.findall(r"Run it again: (hge-spice run .*?study\.toml')", page.text)
    words = shlex.split(command)
    assert words[:2] == ["hge-spice", "run"]
    assert Path(words[2]).is_file()


def test_the_noise_drawn_in_the_spectrum_is_what_white_noise_shows_there(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(plot, "spectrum", lambda *_, **about: seen.update(about))
    write_run(tmp_path)
    write_report(tmp_path)
    density = 2 * WINDOW * SIGMA**2  # of which SIGMA is the standard deviation of a mean over one window
    samples = np.random.default_rng(0).normal(0, np.sqrt(density / 2 * POINTS / WINDOW), (4000, POINTS))
    time = WINDOW * np.arange(POINTS) / POINTS
    amplitudes = np.array([plot.amplitude_spectrum(time, row, WINDOW, POINTS)[1:] for row in samples])
    assert np.sqrt(np.mean(amplitudes**2)) == pytest.approx(seen["noise"], rel=0.01)


def test_the_same_run_gives_the_same_bytes(tmp_path):
    write_run(tmp_path)
    first = write_report(tmp_path).read_bytes()
    assert write_report(tmp_path).read_bytes() == first


def test_every_picture_is_the_same_text_each_time():
    def drawn() -> str:
        return svg(plot.truth_table(OUTPUTS, [0, 1, 1, 0], list("abcd"), SIGMA, "A"), "name")

    assert drawn() == drawn()


HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(1)> $\\frac{1}{2 --> ]]> 漢"


def test_what_files_say_never_becomes_markup(tmp_path):
    names = ("<b>e1</b>", "$\\frac{", "--><script>", '"onload="x', "&amp;")
    directory = tmp_path / "<i>run<"
    write_run(directory)
    (directory / "study.toml").write_text(f"title = '{HOSTILE}'\nnotes = '{HOSTILE}'\n", encoding="utf-8")
    with Ledger(directory) as ledger:
        ledger.add("<u>trial<", 1, {"task.<b>": HOSTILE, "\ud800": ["</svg>"]}, 0)
        ledger.finish("<u>trial<", write_trial(directory / "trials" / "<u>trial<", names), 1.0, {"<b>": "<b>"})
        ledger.add("failed", 2, {}, 0)
        ledger.fail("failed", f"{HOSTILE}\nmore\n</pre><script>", 1.0, {})
    page = Page(write_report(directory))
    assert not {tag for tag, _ in page.elements} & {"b", "u", "img"}
    assert [about for tag, about in page.elements if tag == "script"] == [
        {"type": "application/json", "id": "data"},
        {},
    ]
    assert not [name for _, about in page.elements for name in about if name.startswith("on")]
    assert page.text.count("</title><script>alert(1)</script>") >= 4
    assert "<u>trial<" in page.text
    assert sum(about.get("role") == "img" for _, about in page.elements) == 2 * len(PICTURES)


def _is_read(directory: Path) -> Page:
    page = Page(write_report(directory))
    assert page.text.count("1 trial") == 1
    return page


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("steps.parquet", {"loss_curves", "control_curves"}),
        ("gradient.json", {"gradient_against_truth", "spectrum"}),
        ("graph.json", {"network"}),
        ("waveform.raw", {"spectrum"}),
    ],
)
@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "other", "list", "directory"])
def test_what_is_missing_or_damaged_is_said_and_the_rest_is_shown(tmp_path, name, lost, damage):
    path = write_run(tmp_path) / name
    content = path.read_bytes()
    path.unlink()
    match damage:
        case "cut":
            path.write_bytes(content[: len(content) * 2 // 3])
        case "empty":
            path.write_bytes(b"")
        case "other":
            path.write_bytes(b'{"nodes": 3, "edges": "x", "relative_error": "?", "inputs": [3]}')
        case "list":
            path.write_bytes(b"[1, 2]")
        case "directory":
            path.mkdir()
    page = _is_read(tmp_path)
    assert page.pictures >= set(PICTURES) - lost - ({"truth_table", "spectrum"} if damage == "other" else set())
    if (name, damage) != ("waveform.raw", "empty"):  # which is a raw file without plots
        assert "Missing here" in page.text
    if damage == "missing":
        assert f"{name}" in page.text
        assert "there is no such file" in page.text
        assert page.pictures == set(PICTURES) - lost


def test_files_that_were_not_to_be_kept_are_not_missed(tmp_path):
    shutil.rmtree(write_run(tmp_path))
    assert "Missing here" in _is_read(tmp_path).text
    with (tmp_path / "study.toml").open("a") as study:
        study.write('[results]\nkeep = "none"\n')
    page = _is_read(tmp_path)
    assert "Missing here" not in page.text
    assert f"hge-spice run {tmp_path / 'study.toml'} --set results.keep=all" in page.text
    assert page.pictures == {"truth_table"}


def test_a_trial_that_failed_half_way_shows_its_reason_and_what_it_had(tmp_path):
    folder = write_run(tmp_path)
    for name in ("gradient.json", "graph.json", "waveform.raw"):
        (folder / name).unlink()
    with Ledger(tmp_path) as ledger:
        ledger._database.execute("update trials set result = null")
        ledger.fail("0123456789ab", "ngspice stopped at 0.01 s:\nno convergence\nat time 3", 2.0, VERSIONS)
    page = _is_read(tmp_path)
    assert "1 trial: 0 done, 1 failed · solved 0 of 1" in page.text
    assert "no convergence" in page.text
    assert page.pictures == {"truth_table", "loss_curves", "control_curves"}
    # outputs after the last step, classes of the task that the study names
    assert "pattern 1 1 7 nA 2 nA" in page.text


def test_nothing_but_a_ledger_is_enough(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.add("aa", 0, {"task.name": "and"}, 0)
        ledger.add("bb", 1, {"task.name": "or"}, 0)
        ledger.start("bb")
    page = Page(write_report(tmp_path))
    assert "2 trials: 0 done, 0 failed, 2 not finished" in page.text
    assert "study.toml can't be read" in page.text
    assert "It has not been run yet" in page.text


def test_an_unsolved_trial_that_meets_every_number_says_why_it_may_not_be(tmp_path):
    write_run(tmp_path)
    with Ledger(tmp_path) as ledger:
        (row,) = ledger.rows()
        ledger.finish(row["id"], row["result"] | {"solved": False}, 1.0, VERSIONS)
    assert "All of these are met and it is not solved" in _is_read(tmp_path).text


def test_what_drift_and_change_took_is_a_table(tmp_path):
    write_run(tmp_path)
    assert "What drift and change took" not in _is_read(tmp_path).text
    told = {"solved": True, "gap": 2e-9, "gap_over_span": 0.4}
    lost = {"solved": False, "gap": 1e-9, "gap_over_span": 0.2}
    moments = {"before": told, "waited": told, "after": lost, "again": told}
    taken = {f"retrain_{when}_{key}": value for when, each in moments.items() for key, value in each.items()}
    drift = {
        f"{when}_{key}": value for when, each in (("as_made", told), ("as_it_is", lost)) for key, value in each.items()
    }
    with Ledger(tmp_path) as ledger:
        (row,) = ledger.rows()
        more = {"drift": drift, "retrain_steps": 3, "retrain_waited_seconds": 12.0} | taken
        ledger.finish(row["id"], row["result"] | more, 1.0, VERSIONS)
    text = _is_read(tmp_path).text
    assert "on the device as it was made 2 nA 0.4 ✓ solved on the device as it had become 1 nA 0.2 ✗ not solved" in text
    assert "after the change 1 nA 0.2 ✗ not solved trained again 2 nA 0.4 ✓ solved" in text
    assert "The wait took 12 s. Training went on from there for 3 steps." in text


def test_an_infinite_margin_is_met(tmp_path):
    write_run(tmp_path)
    with Ledger(tmp_path) as ledger:
        (row,) = ledger.rows()
        ledger.finish(row["id"], row["result"] | {"d_prime": None}, 1.0, VERSIONS)
    assert "∞ ≥ 6.2 ✓" in _is_read(tmp_path).text


def test_a_directory_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ledger\.sqlite"):
        write_report(tmp_path)
    with pytest.raises(ValueError, match=r"ledger\.sqlite"):
        write_report(tmp_path / "nowhere")
    (tmp_path / "ledger.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(ValueError, match="can't be read"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_pictures_and_report_need_no_simulator():
    code = (
        "import sys; from pathlib import Path; from hge_spice.study.report.report import write_report\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import hge_spice.plot\n"
        "assert not {'PySpice', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

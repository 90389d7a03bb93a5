import itertools

import matplotlib as mpl
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from hge_spice import plot
from hge_spice.graph import assign_roles, dopant_network
from hge_spice.tones import plan_tones

CONTROLS = ("e1", "e4", "e5", "e6", "e7")
VOLTAGES = {"e1": 0.181, "e4": -0.7, "e5": 0.01, "e6": 0.35, "e7": -0.279}
HARMONICS, WINDOW, POINTS = (7, 11, 16, 17, 19), 25e-3, 75


# by kind of network, by unknowns, by batch; large batches of large networks are left out, as the benchmark does
COST = {
    kind: {
        size: {
            batch: {"seconds": 1e-4 + 1e-7 * size * batch, "peak_bytes": 8.0 * size * (batch + 100)}
            for batch in (1, 10, 100, 1000, 10_000, 100_000)
            if size * batch <= 1e7
        }
        for size in sizes
    }
    for kind, sizes in {"sinh mesh": (10, 30, 100, 300, 1000), "dopant network": (10, 30, 100)}.items()
}


def network() -> nx.Graph:
    return assign_roles(dopant_network(seed=13), output="e0", inputs=("e2", "e3"), controls=CONTROLS)


def steps(lengths: tuple[int, ...] = (60, 4), controls: tuple[str, ...] = CONTROLS) -> pd.DataFrame:
    """Starts of these lengths, of which the last ends solved."""
    rng = np.random.default_rng(0)
    rows = [
        {"start": start, "step": step, "loss": 1 / step, "gap_over_span": -0.5 + 0.01 * step, "solved": False}
        | {f"control.{name}": rng.uniform(-0.7, 0.7) for name in controls}
        for start, length in enumerate(lengths, 1)
        for step in range(1, length + 1)
    ]
    rows[-1] |= {"gap_over_span": 0.4, "solved": True}
    return pd.DataFrame(rows)


def comparison(patterns: int = 4, controls: tuple[str, ...] = CONTROLS) -> dict:
    rng = np.random.default_rng(1)
    truth = 1e-9 * rng.uniform(-20, 20, (patterns, len(controls)))
    estimate = truth + 1e-10 * rng.standard_normal(truth.shape)
    return {
        "controls": list(controls),
        "inputs": list(itertools.product((-0.3, 0.3), repeat=4 if patterns > 4 else 2))[:patterns],
        "estimate": estimate.tolist(),
        "truth": truth.tolist(),
        "stderr": np.full(truth.shape, 5e-11).tolist(),
        "stderr_stated_noise": np.full(truth.shape, 6e-10).tolist(),
        "relative_error": (np.abs(estimate - truth).max(axis=1) / np.abs(truth).max(axis=1)).tolist(),
        "estimate_unit": "A/V",
    }


def two_tones(points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """8 nA at rest, 3 nA at harmonic 7, 0.5 nA at harmonic 11, and their 2nd-order products; starts after settling."""
    time = 0.01 + WINDOW * np.arange(points) / points
    a = np.sin(2 * np.pi * 7 * time / WINDOW + 0.4)
    b = np.sin(2 * np.pi * 11 * time / WINDOW - 1.0)
    return time, 1e-9 * (8 + 3 * a + 0.5 * b + 0.02 * a * b)


def draw_spectrum(names: tuple[str, ...] = CONTROLS, noise: float = 2e-11) -> Figure:
    return plot.spectrum(*two_tones(), harmonics=HARMONICS, names=names, window=WINDOW, points=POINTS, noise=noise)


def texts(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]


def legend(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.legends[0].get_texts()]


def by_label(figure: Figure, label: str):
    return next(line for axes in figure.axes for line in axes.lines if line.get_label() == label)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3e-9, "A", "3 nA"),
        (1.2345e-11, "A", "12.3 pA"),
        (-0.3, "V", "−300 mV"),
        (999.7e-12, "A", "1 nA"),
        (1e-15, "J", "1 fJ"),
        (1e14, "Hz", "100 THz"),
        (0.0, "s", "0 s"),
        (2e-27, "A", "2e−06 zA"),
        (None, "A", "–"),
        (float("nan"), "A", "–"),
        (float("-inf"), "A", "−∞"),
    ],
)
def test_numbers_are_written_as_people_write_them(value, unit, text):
    assert plot.si(value, unit) == text


@pytest.mark.parametrize("exponent", range(-18, 12))
def test_a_prefix_leaves_one_to_three_digits_before_the_point(exponent):
    factor, unit = plot.scale(10.0**exponent, "A")
    assert 1 <= 10.0**exponent * factor * (1 + 1e-12) < 1000
    assert unit == plot.PREFIXES[3 * (exponent // 3)] + "A"


def test_texts_from_files_are_drawn_letter_by_letter():
    assert plot.plain("$\\frac{1}$") == "\\$\\frac{1}\\$"
    assert plot.plain("a\x00\nb") == "a??b"
    assert plot.plain("x" * 100, 10) == "x" * 9 + "…"


def test_the_network_shows_roles_voltages_and_the_strength_of_links():
    graph = network()
    figure = plot.network(graph, VOLTAGES)
    (axes,) = figure.axes
    (links,) = axes.collections
    widths, lengths = np.array(links.get_linewidth()), [length for _, _, length in graph.edges(data="length")]
    assert len(widths) == graph.number_of_edges()
    assert (np.diff(widths[np.argsort(lengths)]) <= 0).all()
    # exp(−2r/a) on a logarithmic scale: the width is linear in the length
    slope = np.polyfit(lengths, widths, 1)
    assert np.polyval(slope, lengths) == pytest.approx(widths, abs=1e-9)
    output = graph.nodes["e0"]
    (star,) = [line for line in axes.lines if line.get_marker() == "*"]
    assert star.get_xydata()[0] == pytest.approx([1e9 * output["x"], 1e9 * output["y"]])
    markers = {to_hex(line.get_color()): line.get_marker() for line in axes.lines if line.get_marker() != "o"}
    assert markers == {plot.VERMILLION: "*", plot.BLUE: "^"}
    assert set(texts(figure)) >= {"e0", "e2", "e1\n181 mV", "e4\n−700 mV", "s0", "s11", "x / nm", "y / nm"}
    assert legend(figure)[:4] == ["output", "input", "control", "site"]


def test_a_network_without_links_or_localisation_is_drawn():
    bare = nx.Graph()
    bare.add_node("a", kind="electrode", role="output", x=0.0, y=0.0)
    assert "a" in texts(plot.network(bare))
    bare.add_node("b", kind="electrode", role="surprise", x=1e-9, y=0.0)
    bare.add_edge("a", "b", length=1e-9)
    assert "b" in texts(plot.network(bare))


def test_loss_curves_have_a_line_per_start_the_solved_step_and_the_line_it_must_reach():
    figure = plot.loss_curves(steps())
    upper, lower = figure.axes
    assert (upper.get_ylabel(), lower.get_ylabel(), lower.get_xlabel()) == ("loss", "gap / span", "step")
    assert [len(line.get_xdata()) for line in upper.lines] == [60, 4]
    assert by_label(figure, "start 2, the last").get_linewidth() > by_label(figure, "start 1").get_linewidth()
    assert by_label(figure, "solved").get_xydata().tolist() == [[4, 0.4]]
    assert set(by_label(figure, "solved needs 0.3").get_ydata()) == {0.3}


def test_many_starts_share_one_entry_of_the_legend():
    figure = plot.loss_curves(steps((3,) * 12))
    assert legend(figure)[:2] == ["11 earlier starts", "start 12, the last"]
    assert len(figure.axes[0].lines) == 12


def test_a_start_that_is_never_solved_has_no_star():
    assert "solved" not in legend(plot.loss_curves(steps().iloc[:10]))


def test_control_curves_have_a_panel_per_control_with_its_range():
    table = steps()
    figure = plot.control_curves(table, (-0.7, 0.7))
    assert [axes.get_title() for axes in figure.axes] == list(CONTROLS)
    first, last, *bounds = figure.axes[2].lines
    assert first.get_ydata() == pytest.approx(table["control.e5"].to_numpy()[:60])
    assert last.get_ydata() == pytest.approx(table["control.e5"].to_numpy()[60:])
    assert [line.get_ydata()[0] for line in bounds] == [-0.7, 0.7]
    assert figure.axes[0].get_ylabel() == "control / V"
    seven = plot.control_curves(steps(controls=(*CONTROLS, "e8", "e9")))
    assert sum(axes.get_visible() for axes in seven.axes) == 7


def test_the_truth_table_has_the_threshold_midway_and_bands_of_half_of_six_sigma():
    outputs, noise = [2e-9, 7e-9, 8e-9, 3e-9], 1e-10
    figure = plot.truth_table(outputs, [0, 1, 1, 0], ["a", "b", "c", "d"], noise)
    (axes,) = figure.axes
    assert axes.get_ylabel() == "output current / nA"
    assert by_label(figure, "threshold, midway: 5 nA").get_ydata() == pytest.approx([5, 5])
    ones, zeros = axes.containers
    assert ones.lines[0].get_xydata().tolist() == pytest.approx(np.array([[1, 7.0], [2, 8.0]]))
    assert zeros.lines[0].get_ydata() == pytest.approx([2.0, 3.0])
    band = ones.lines[2][0].get_segments()[0][:, 1]
    assert band == pytest.approx([7 - 0.31, 7 + 0.31])
    assert {"gap\n4 nA", "span\n6 nA"} <= set(texts(figure))
    assert [t.get_text() for t in axes.get_xticklabels()] == ["a", "b", "c", "d"]


def test_small_currents_are_shown_in_picoampere_and_overlapping_classes_with_a_negative_gap():
    figure = plot.truth_table([2e-12, -1e-12], [0, 1], ["a", "b"], 0.0)
    assert figure.axes[0].get_ylabel() == "output current / pA"
    assert "gap\n−3 pA" in texts(figure)


def test_outputs_of_one_class_have_no_threshold():
    assert not any("gap" in text for text in texts(plot.truth_table([1e-9, 2e-9], [1, 1], ["a", "b"], 0.0)))


@pytest.mark.parametrize("points", [64, 75])
def test_the_spectrum_finds_the_amplitude_of_a_sinusoid(points):
    amplitude = plot.amplitude_spectrum(*two_tones(points), WINDOW, points)
    assert len(amplitude) == points // 2 + 1
    assert amplitude[0] == pytest.approx(8e-9, rel=1e-9)
    assert amplitude[7] == pytest.approx(3e-9, rel=1e-9)
    assert amplitude[11] == pytest.approx(0.5e-9, rel=1e-9)
    assert amplitude[[4, 18]] == pytest.approx([1e-11, 1e-11], rel=1e-9)
    others = np.delete(amplitude, [0, 4, 7, 11, 18])
    assert others.max() < 1e-9 * 3e-9


def test_half_the_point_rate_counts_once():
    time = np.arange(8) / 8
    assert plot.amplitude_spectrum(time, np.cos(8 * np.pi * time), 1.0, 8)[4] == pytest.approx(1.0)


def test_steps_of_the_solvers_own_are_integrated_not_resampled():
    errors = []
    for points in (200, 400):
        time = np.linspace(0, 1, points + 1)
        time += 0.1 * np.sin(2 * np.pi * time) / (2 * np.pi)
        found = plot.amplitude_spectrum(time, 2 * np.sin(2 * np.pi * 3 * time), 1.0, 64)
        errors.append(abs(found[3] - 2))
    assert errors[0] < 1e-2
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.2)  # trapezoids: as the square of the step


def test_an_offset_stays_at_zero_on_steps_of_the_solvers_own():
    """The window ends a step after its last point: left out, 3 % of the offset would stand at every harmonic."""
    place = np.arange(64) / 64
    time = 0.2 + place + 0.005 * np.sin(2 * np.pi * place)
    found = plot.amplitude_spectrum(time, 1 + 0.01 * np.sin(2 * np.pi * 5 * time), 1.0, 64)
    assert found[[0, 5]] == pytest.approx([1, 0.01], rel=1e-6)
    assert np.delete(found, [0, 5]).max() < 1e-4


def test_the_spectrum_marks_tones_products_and_the_rest():
    figure = draw_spectrum()
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("frequency / kHz", "output amplitude / nA")
    assert axes.get_yscale() == "log"

    def bins(label: str) -> set[int]:
        return {round(x * 1e3 * WINDOW) for x in by_label(figure, label).get_xdata()}

    tones = by_label(figure, "tones")
    assert bins("tones") == set(HARMONICS)
    assert tones.get_ydata()[0] == pytest.approx(3, rel=1e-9)
    plan = plan_tones(5, WINDOW)
    assert (plan.harmonics, plan.points) == (HARMONICS, POINTS)  # the plan under test is the planner's own
    products = set(plan.bins(2).tolist()) - {0}
    assert {4, 18, 75 - 38} <= products  # 11 − 7, 11 + 7, and 2·19 folded at 75 points
    assert bins("2nd-order products, aliases counted") == products - set(HARMONICS)
    assert bins("residual: neither tone nor product") == set(range(1, 38)) - products - set(HARMONICS)
    assert set(texts(figure)) >= set(CONTROLS)
    assert by_label(figure, "stated read-out noise, 20 pA rms").get_ydata() == pytest.approx([0.02, 0.02])


def test_a_silent_output_has_a_spectrum_too():
    time, _ = two_tones()
    look = {"harmonics": HARMONICS, "names": CONTROLS, "window": WINDOW, "points": POINTS}
    assert set(texts(plot.spectrum(time, np.zeros(POINTS), **look))) >= set(CONTROLS)


def test_the_gradient_is_shown_beside_the_truth_with_both_error_bars():
    found = comparison()
    figure = plot.gradient_against_truth(found)
    upper, lower = figure.axes
    assert upper.get_ylabel() == "derivative / (nA/V)"
    truth, estimate = np.array(found["truth"]), np.array(found["estimate"])
    assert [bar.get_height() for bar in upper.patches] == pytest.approx(1e9 * truth.ravel())
    bars = {container.get_label(): container for container in upper.containers}
    assert bars["estimate, standard error seen"].lines[0].get_ydata() == pytest.approx(1e9 * estimate.ravel())
    lengths = {
        name: np.ptp(bars[name].lines[2][0].get_segments()[0][:, 1])
        for name in ("what stated noise adds", "estimate, standard error seen")
    }
    assert list(lengths.values()) == pytest.approx([2 * 0.6, 2 * 0.05])
    share = 100 * (estimate - truth) / np.abs(truth).max(axis=1, keepdims=True)
    marks = next(c for c in lower.containers if c.get_label() == "estimate, standard error seen")
    assert marks.lines[0].get_ydata() == pytest.approx(share.ravel())
    noise = 100 * 6e-10 / np.abs(truth[1]).max()
    heading = f"−0.3 V, 0.3 V\nworst error {100 * found['relative_error'][1]:.2g} %\nstated noise ±{noise:.2g} %"
    assert heading in texts(figure)
    assert [t.get_text() for t in lower.get_xticklabels()] == 4 * list(CONTROLS)


def test_stated_noise_does_not_flatten_the_error_that_was_seen():
    found = comparison()
    found["stderr_stated_noise"] = np.full((4, 5), 1e-7).tolist()
    low, high = plot.gradient_against_truth(found).axes[1].get_ylim()
    share = 100 / np.abs(found["truth"]).max(axis=1, keepdims=True)
    error = (np.abs(np.subtract(found["estimate"], found["truth"])) + 5e-11) * share
    assert (low, high) == pytest.approx((-3 * error.max(), 3 * error.max()))


def test_a_pattern_without_any_gradient_is_left_out_of_the_shares():
    found = comparison()
    for p in range(4):  # one after the other, until there is no true gradient at all
        found["truth"][p] = [0.0] * 5
        found["relative_error"][p] = float("inf")
        assert sum("worst error inf %" in text for text in texts(plot.gradient_against_truth(found))) == p + 1


EVERY = {
    "network": lambda: plot.network(network(), VOLTAGES),
    "loss_curves": lambda: plot.loss_curves(steps()),
    "six starts": lambda: plot.loss_curves(steps((60, 60, 60, 60, 60, 30))),
    "control_curves": lambda: plot.control_curves(steps(), (-0.7, 0.7)),
    "seven controls": lambda: plot.control_curves(steps(controls=tuple("abcdefg")), (-0.7, 0.7)),
    "truth_table": lambda: plot.truth_table([2e-9, 7e-9, 8e-9, 3e-9], [0, 1, 1, 0], ["−0.3 V, −0.3 V"] * 4, 1e-10),
    "sixteen patterns": lambda: plot.truth_table(
        1e-9 * np.arange(16), np.arange(16) % 2, [f"−0.3 V, −0.3 V, 0.{k} V" for k in range(16)], 1e-10
    ),
    "spectrum": draw_spectrum,
    "spectrum, long names": lambda: draw_spectrum(("control one", "control two", "a", "b", "c")),
    "gradient_against_truth": lambda: plot.gradient_against_truth(comparison()),
    "one pattern": lambda: plot.gradient_against_truth(comparison(1)),
    "sixteen gradients": lambda: plot.gradient_against_truth(comparison(16)),
    "cost_against_size": lambda: plot.cost_against_size(COST),
    "ten controls": lambda: plot.gradient_against_truth(comparison(4, tuple(f"e{k}" for k in range(10)))),
}


def visible_texts(figure: Figure) -> list[Text]:
    """What a reader sees: tick labels outside the axes' limits are there too, and not drawn."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            hidden |= {
                id(label)
                for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
                for label in (tick.label1, tick.label2)
                if not (low <= tick.get_loc() <= high and axes.get_visible())
            }
        if not axes.get_visible():
            hidden |= {id(text) for text in axes.findobj(Text)}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible() and id(text) not in hidden
    ]


@pytest.mark.parametrize("name", EVERY)
def test_every_picture_can_be_read(name):
    """At report size no text is cut off, none covers another, and all axes are named."""
    before = dict(mpl.rcParams)
    figure = EVERY[name]()
    assert isinstance(figure, Figure)
    FigureCanvasAgg(figure).draw()
    assert figure.get_size_inches()[0] * figure.dpi == pytest.approx(900)
    boxes = [(text.get_text(), text.get_window_extent()) for text in visible_texts(figure)]
    for text, box in boxes:
        assert min(box.x0, box.y0) >= 0, f"{text!r} is cut off to the left or below"
        assert box.x1 <= figure.bbox.x1, f"{text!r} is cut off to the right"
        assert box.y1 <= figure.bbox.y1, f"{text!r} is cut off above"
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across <= 1 or down <= 1, f"{one!r} and {other!r} overlap"
    assert any(axes.get_xlabel() for axes in figure.axes)
    assert any(axes.get_ylabel() for axes in figure.axes)
    assert dict(mpl.rcParams) == before


def test_cost_is_drawn_by_size_and_batch():
    figure = plot.cost_against_size(COST)
    time, memory, *_ = figure.axes
    assert len(figure.axes) == 4
    for axes, key in ((time, "seconds"), (memory, "peak_bytes")):
        assert axes.get_xscale() == axes.get_yscale() == "log"
        for line, batches in zip(axes.get_lines(), COST["sinh mesh"].values(), strict=True):
            assert list(line.get_xdata()) == list(batches)
            assert list(line.get_ydata()) == [case[key] for case in batches.values()]
    assert [line.get_label() for line in time.get_lines()][-1] == "1000 unknowns"


def test_hostile_names_are_drawn_and_not_interpreted():
    graph = nx.relabel_nodes(network(), {"e1": "$\\frac{", "s0": "<svg onload=x>"})
    FigureCanvasAgg(plot.network(graph, {})).draw()
    FigureCanvasAgg(draw_spectrum(("$\\alpha$", "${", "\x07", "</text>", "x" * 500))).draw()
    FigureCanvasAgg(plot.gradient_against_truth(comparison(4, ("$\\x$", "${", "_", "^", "&amp;")))).draw()


@pytest.mark.parametrize("count", [1, 5, 6, 11])
def test_panels_of_controls_keep_apart(count: int) -> None:
    """No heading reaches into the panel above it, no label into a neighbour, no legend into the lowest panels."""
    figure = plot.control_curves(steps(controls=tuple(f"control{k}" for k in range(count))), (-0.7, 0.7))
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == count
    frames = [axes.get_window_extent(renderer) for axes in shown]
    headings = [axes.title.get_window_extent(renderer) for axes in shown]
    for heading, own in zip(headings, frames, strict=True):
        assert heading.y1 < figure.bbox.y1
        assert not any(heading.overlaps(frame) for frame in frames if frame is not own)
    for one, other in itertools.combinations(frames, 2):
        assert not one.overlaps(other)
    for one, other in itertools.combinations(headings, 2):
        assert not one.overlaps(other)
    legend = figure.legends[0].get_window_extent(renderer)
    assert not any(legend.overlaps(axes.get_tightbbox(renderer)) for axes in shown)

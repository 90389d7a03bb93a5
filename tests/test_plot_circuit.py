"""Pictures of a learning circuit: what they show is what the numbers say."""

import io

import numpy as np
import pandas as pd
import pytest

from hge_spice.plot.circuit import PLACES, WIRES, block_diagram, circuit_against_loop


def steps() -> pd.DataFrame:
    epochs = np.arange(1, 41)
    rows = {"start": np.repeat([1, 2], 20), "step": epochs, "control.e1": 0.01 * epochs, "loop.e1": 0.011 * epochs}
    truth = np.where(epochs % 5 == 0, 2e-9, np.nan)
    return pd.DataFrame(rows | {"truth.0.e1": truth, "jacobian.0.e1": np.full(40, 1.9e-9)})


def test_lines_are_the_last_starts_circuit_and_circles_the_program():
    left, right = circuit_against_loop(steps()).axes
    circuit, loop = left.lines[:2]
    assert circuit.get_ydata() == pytest.approx(0.01 * np.arange(21, 41))
    assert loop.get_ydata() == pytest.approx(0.011 * np.arange(21, 41))
    points = next(line for line in right.lines if line.get_marker() == ".")
    assert points.get_xdata() == pytest.approx(np.ones(4))
    assert points.get_ydata() == pytest.approx(np.full(4, 0.95))


def test_a_start_whose_truth_was_not_looked_up_has_no_points():
    table = steps()
    table["truth.0.e1"] = np.nan
    _, right = circuit_against_loop(table).axes
    points = next(line for line in right.lines if line.get_marker() == ".")
    assert len(points.get_xdata()) == 0


def test_the_diagram_is_a_loop_through_the_device():
    """Every block can be reached from the device, or reaches it, along the wires; both ends of a wire are drawn."""
    assert {end for wire in WIRES for end in wire} == set(PLACES)
    reached, frontier = set(), {"device"}
    while frontier:
        reached |= frontier
        frontier = {end for begin, end in WIRES if begin in frontier} - reached
    assert reached == set(PLACES) - {"inputs", "tone"}
    assert any(end == "device" for begin, end in WIRES if begin in reached)
    figure = block_diagram(5, 4)
    assert {text.get_text() for text in figure.axes[0].texts} >= {"blue: 5 of each", *PLACES}
    figure.savefig(io.BytesIO(), format="svg")

"""Pictures of a learning circuit: what they show is what the numbers say."""

import io

import numpy as np
import pandas as pd
import pytest
from test_materia import circuit_of

from hge_spice.materia import ERRORS
from hge_spice.materia.bill import Draw, blocks
from hge_spice.plot.blocks import BLOCKS, WIRES, block_diagram, powers
from hge_spice.plot.circuit import circuit_against_loop
from hge_spice.plot.style import si


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
    ends = [(begin, end) for begin, _, end, _, _ in WIRES]
    assert {name for wire in ends for name in wire} == set(BLOCKS)
    reached, frontier = set(), {"device"}
    while frontier:
        reached |= frontier
        frontier = {end for begin, end in ends if begin in frontier} - reached
    assert reached == set(BLOCKS) - {"inputs", "tone"}
    assert any(end == "device" for begin, end in ends if begin in reached)


@pytest.mark.parametrize("error", sorted(ERRORS))
def test_the_diagram_shows_what_every_block_of_the_bill_draws(error):
    bill = {block.name: block.power(Draw()) for block in blocks(circuit_of(error=error))}
    assert sum(powers(bill).values()) == pytest.approx(sum(bill.values()))
    figure = block_diagram(2, 1, bill)
    shown = {text.get_text() for text in figure.axes[0].texts}
    assert shown >= {"blue: 2 of each", *(si(power, "W") for power in powers(bill).values())}
    assert "transimpedance\namplifier" in shown or {"transimpedance", "amplifier"} <= shown
    figure.savefig(io.BytesIO(), format="svg")

"""States of the user's own subcircuits: held at rest where they are said to begin, free in time, told where they move.

The cell stands alone between a control and the output's virtual ground, so that all is known in closed form: its
current is sinh(b·v)/b·g(w), and dw/dt = k·v·w·(1−w) makes ln(w/(1−w)) grow by k times the voltage's integral.
"""

from pathlib import Path

import numpy as np
import pytest

from hge_spice.dialects import DIALECTS
from hge_spice.drive import Drive, Tone, Transient
from hge_spice.gradient import Measurement, homodyne, small_signal
from hge_spice.gradient.homodyne import higher_band
from hge_spice.gradient.trust import LAG
from hge_spice.graph import Network
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.study.bench.network import build_graph
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.tones import plan_tones

B, RON, ROFF, W0, VOLTS = 2.5, 5e3, 1e5, 0.3, 0.1
RATE = "k*v(p,m)*v(w)*(1-v(w))"
BEGINS = {
    "ic of a capacitor": f"cw w 0 1 ic={{w0}}\ngw 0 w value={{{RATE}}}",
    "turned round, as a number": f"cw 0 w 1 ic={-W0}\nbw 0 w i={RATE}",
    "in quotes, with a leak": f"cw w 0 1 ic='w0'\nrw w 0 1e12\ngw 0 w cur='{RATE}'",
    ".ic": f".ic V(w)={{w0}}\nCw w 0 1\nBw 0 w I = {{{RATE}}}",
}


def text(begins: str) -> str:
    return f"""A cell as published models are written
.subckt cell p m params: ron={RON} roff={ROFF} k=1 w0={W0} b={B}
gm p m value={{sinh(b*v(p,m))/b*(v(w)/ron+(1-v(w))/roff)}}
{begins}
.ends
.subckt whole c i out
xcell c out cell k=20
ri i out 1meg
.ends
"""


def study(tmp_path: Path, cell: str, *more: str, block: bool = False) -> Network:
    """One cell under one control, as an edge or within a block; more : settings of the study."""
    (tmp_path / "cell.cir").write_text(cell, "utf-8")
    links = "a,b,family,subcircuit,name,k\nc,out,subcircuit,cell.cir,cell,20\ni,out,resistor,,,\n"
    (tmp_path / "links.csv").write_text(links, "utf-8")
    device = 'subcircuit = "cell.cir"\nname = "whole"' if block else 'file = "links.csv"'
    (tmp_path / "s.toml").write_text(
        f"""title = "one cell"
[device]
{device}
[electrodes]
output = "out"
controls = ["c"]
inputs = ["i"]
[task]
name = "target"
targets = ["0 A", "1 uA"]
""",
        "utf-8",
    )
    return build_graph(parse_study(load_study(tmp_path / "s.toml", list(more))))


def slope(w: float, volts: float) -> float:
    return float(np.cosh(B * volts) * (w / RON + (1 - w) / ROFF))


def share(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


TRANSIENT = Transient(25e-3, 200)
SPENT = 25e-3 + TRANSIENT.step  # s, which ngspice simulates: one step more than the window
LOGIT = float(np.log(W0 / (1 - W0)))


@pytest.mark.parametrize("begins", BEGINS.values(), ids=BEGINS)
def test_a_state_is_where_it_begins_in_every_analysis(tmp_path: Path, begins: str) -> None:
    graph = study(tmp_path, text(begins))
    how = Measurement(plan_tones(1, window=1e-6), amplitude=np.full(1, 1e-3), phase=np.zeros(1))  # too short to move
    with NgspiceDevice(graph) as dut:
        (truth,) = small_signal(dut, np.full(1, VOLTS), np.zeros((1, 1)), how)
        (found,) = homodyne(dut, np.full(1, VOLTS), np.zeros((1, 1)), how)
    assert truth.jacobian == pytest.approx([slope(W0, VOLTS)], rel=1e-6)
    assert found.jacobian == pytest.approx([slope(W0, VOLTS)], rel=1e-5)
    assert "moved_state" not in found.flags


@pytest.mark.parametrize("begins", BEGINS.values(), ids=BEGINS)
def test_a_state_is_held_at_rest_in_a_deck_for_xyce_too(tmp_path: Path, begins: str) -> None:
    graph = study(tmp_path, text(begins), block=True)
    drive = Drive(np.array([VOLTS]), np.zeros(1), (Tone("c", 1e3, 1e-3, 0.0),), Transient(1e-3, 100))
    lines = DIALECTS["xyce"](graph, drive).splitlines()
    (source,) = (line for line in lines if line.startswith("vw_at "))
    assert source.split(" dc ")[1] in {"{w0}", f"{{-({-W0})}}"}
    assert "bw_at 0 w i={time > 0 ? 0 : 1e+09*(v(w_at)-v(w))}" in lines
    assert not any(".ic" in line or " ic=" in line for line in lines)


def test_a_cell_that_is_included_twice_is_held_once(tmp_path: Path) -> None:
    (tmp_path / "inner.cir").write_text(
        text(BEGINS["ic of a capacitor"]).replace(".subckt whole", ".subckt other"), "utf-8"
    )
    whole = "x\n.include inner.cir\n.include inner.cir\n.subckt whole c i out\nxcell c out cell\nri i out 1meg\n.ends\n"
    with NgspiceDevice(study(tmp_path, whole, block=True)) as dut:
        rest = dut.operating_point(np.full(1, VOLTS), np.zeros(1))
    assert rest.output == pytest.approx([np.sinh(B * VOLTS) / B * (W0 / RON + (1 - W0) / ROFF)], rel=1e-6)


def test_a_fast_rate_waits_while_its_state_is_held(tmp_path: Path) -> None:
    cell = text(BEGINS["ic of a capacitor"]).replace("k*v(p,m)", "1e12*v(p,m)")
    with NgspiceDevice(study(tmp_path, cell)) as dut:
        rest = dut.operating_point(np.full(1, VOLTS), np.zeros(1))
    assert rest.output == pytest.approx([np.sinh(B * VOLTS) / B * (W0 / RON + (1 - W0) / ROFF)], rel=1e-6)


@pytest.mark.parametrize(("block", "node"), [(False, "xx0.w"), (True, "x1.xcell.w")], ids=["edge", "within a block"])
@pytest.mark.parametrize("begins", [BEGINS["ic of a capacitor"], BEGINS[".ic"]], ids=["ic", ".ic"])
def test_a_state_moves_as_it_should_and_that_is_said(tmp_path: Path, begins: str, node: str, *, block: bool) -> None:
    tone = Tone("c", 80.0, 5e-3)
    after = share(LOGIT + 20 * VOLTS * SPENT)
    with NgspiceDevice(study(tmp_path, text(begins), block=block)) as dut:
        for _ in range(2):  # the second begins anew
            waveform = dut.measure(Drive(np.full(1, VOLTS), np.zeros(1), (tone,), TRANSIENT))
            assert waveform.states[node] == pytest.approx((W0, after), rel=1e-5)
    assert "moved_state" in waveform.flags
    assert any(f"1 of 1 states moved; {node} by" in note for note in waveform.notes)


def test_a_state_in_metres_moves_as_one_in_volts_does(tmp_path: Path) -> None:
    """Though it is below 1 nV, the solver's tolerance of a voltage."""
    cell = text(f"cw w 0 1 ic={W0}e-9\ngw 0 w value={{k*v(p,m)*v(w)*(1-v(w)/1e-9)}}")
    cell = cell.replace("*(v(w)/ron+(1-v(w))/roff)", "*(v(w)/1e-9/ron+(1-v(w)/1e-9)/roff)")
    with NgspiceDevice(study(tmp_path, cell)) as dut:
        waveform = dut.measure(Drive(np.full(1, VOLTS), np.zeros(1), (Tone("c", 80.0, 5e-3),), TRANSIENT))
    assert waveform.states["xx0.w"] == pytest.approx((1e-9 * W0, 1e-9 * share(LOGIT + 20 * VOLTS * SPENT)), rel=1e-5)
    assert "moved_state" in waveform.flags


@pytest.mark.parametrize("begins", ["ic of a capacitor", "turned round, as a number"])
def test_a_state_that_goes_on_does_so_from_where_it_was(tmp_path: Path, begins: str) -> None:
    tone = Tone("c", 80.0, 5e-3)
    drive = Drive(np.full(1, VOLTS), np.zeros(1), (tone,), TRANSIENT)
    how = Measurement(plan_tones(1, window=1e-6), amplitude=np.full(1, 1e-3), phase=np.zeros(1))
    graph = study(tmp_path, text(BEGINS[begins]), "device.reinitialise=false", block=True)
    with NgspiceDevice(graph) as dut:
        for n in range(3):
            before, after = dut.measure(drive).states["x1.xcell.w"]
            assert before == pytest.approx(share(LOGIT + n * 20 * VOLTS * SPENT), rel=1e-5)
        (truth,) = small_signal(dut, np.full(1, VOLTS), np.zeros((1, 1)), how)
    assert truth.jacobian == pytest.approx([slope(after, VOLTS)], rel=1e-6)


def test_the_drift_of_a_state_is_kept_out_of_the_derivatives(tmp_path: Path) -> None:
    """Its line is fitted beside the tones; what is left is the state's own answer to the tone, of one order less."""
    graph = study(tmp_path, text(BEGINS["ic of a capacitor"]))
    errors = {}
    for trend in (False, None):
        how = Measurement(plan_tones(1, window=25e-3), np.full(1, 1e-3), np.zeros(1), trend=trend)
        with NgspiceDevice(graph) as dut:
            (found,) = homodyne(dut, np.full(1, VOLTS), np.zeros((1, 1)), how)
        middle = share(LOGIT + 20 * VOLTS * 25e-3 / 2)
        errors[trend] = abs(found.jacobian[0] / slope(middle, VOLTS) - 1)
    assert errors[None] < 0.1 * errors[False]


def test_a_state_that_follows_the_tones_wants_faster_ones(tmp_path: Path) -> None:
    graph = study(tmp_path, text(BEGINS[".ic"]).replace("k*v(p,m)", "1e3*v(p,m)"))
    how = Measurement(plan_tones(1, window=25e-3), np.full(1, 1e-3), np.zeros(1), trend=True)
    with NgspiceDevice(graph) as dut:
        (found,) = homodyne(dut, np.full(1, VOLTS), np.zeros((1, 1)), how)
    assert {"moved_state", "lag"} <= {*found.flags}
    assert any("keep them above" in note for note in found.notes)
    assert not any("keep tones below" in note for note in found.notes)


def test_the_frequency_that_is_advised_is_where_a_memory_would_turn_by_no_more() -> None:
    """Of a conductance g in front of a state that integrates, g + a/(jω), the quadrature is a share LAG of g there."""
    tone, g, a = Tone("c", 40.0, 1e-3), 2e-5, 1e-2
    said = higher_band(np.array([g + a / (2j * np.pi * tone.frequency)]), (tone,))
    advised = float(said.split("keep them above ")[1].split(" Hz")[0])
    assert a / (2 * np.pi * advised) == pytest.approx(LAG * g, rel=5e-3)  # said to three digits


def test_a_swing_is_a_motion_though_it_ends_where_it_began(tmp_path: Path) -> None:
    cell = text(BEGINS[".ic"])
    with NgspiceDevice(study(tmp_path, cell)) as dut:
        waveform = dut.measure(Drive(np.zeros(1), np.zeros(1), (Tone("c", 40.0, 0.1),), Transient(25e-3, 2000)))
    before, after = waveform.states["xx0.w"]
    assert after == pytest.approx(before, abs=1e-5)
    assert "moved_state" in waveform.flags
    # ln(w/(1−w)) swings by k·2a/ω
    (note,) = (note for note in waveform.notes if "moved" in note)
    furthest = share(LOGIT + 20 * 2 * 0.1 / (2 * np.pi * 40))
    assert float(note.split(" by ")[1].split(" of ")[0]) == pytest.approx((furthest - W0) / furthest, rel=5e-3)


def test_initial_conditions_of_no_state_are_said(tmp_path: Path) -> None:
    cell = text("cw w 0 1 ic=0.3\nrw w p 1k\ncx x 0 1p\nrx x p 1k\n.ic v(x)=0.2 v(y)=0.3\ncy y 0 1\niy 0 y 0")
    remarks = "\n".join(study(tmp_path, cell).graph["remarks"])
    assert "cell.cir:4: ic of cw is not used" in remarks
    assert "cell.cir:8: node x is held by .ic" in remarks
    assert "cell.cir:8: node y is a state: it begins at 0.3" in remarks


def test_what_no_state_can_do_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no state is known that could go on.*ic="):
        study(tmp_path, text("cw w 0 1\nrw w 0 1k"), "device.reinitialise=false")
    with pytest.raises(ValueError, match=r"state xx0\.w is a netlist's"):
        study(
            tmp_path,
            text(BEGINS[".ic"]),
            'perturbation.patterns="sequence"',
            "perturbation.reset=true",
        )

"""The .lib files that ship are what the code makes, and are the elements of the networks."""

from pathlib import Path

import numpy as np
import pytest
from test_memristors import LOOPS, measured

from hge_spice.devices import DEVICES, ELEMENTS
from hge_spice.devices.library import PREFIX, subcircuit
from hge_spice.graph import assign_roles
from hge_spice.netlist import deck
from hge_spice.ngspice.lint import lint
from hge_spice.ngspice.worker import Worker

NETLISTS = Path(__file__).parent.parent / "netlists"
SHIPPED = sorted(set(ELEMENTS) - {"resistor"})


def bench(family: str, source: str, **parameters: float) -> str:
    element = ELEMENTS[family]
    states = " ".join(f"s{k}" for k in range(len(element.states)))
    gate = "g " if element.gated else ""
    given = " ".join(f"{name}={value!r}" for name, value in parameters.items())
    lines = [f"bench\n{subcircuit(element)}v1 a 0 {source}"]
    lines += ["vg g 0 1.4\nrg g 0 1"] if element.gated else []
    lines += [f"x1 a 0 {gate}{states} {PREFIX}{family} {given}", ".save all"]
    return "\n".join([*lines, ".options abstol=1e-15 reltol=1e-6 vntol=1e-9 gmin=1e-18", ".end", ""])


def test_the_files_are_what_the_code_makes_today() -> None:
    """`hge-spice subckt NAME --output netlists/hge_NAME.lib` makes one anew."""
    assert {path.stem for path in NETLISTS.glob("*.lib")} == {f"{PREFIX}{name}" for name in SHIPPED}
    for family in SHIPPED:
        assert (NETLISTS / f"{PREFIX}{family}.lib").read_text() == subcircuit(ELEMENTS[family])


def test_at_rest_they_are_the_elements() -> None:
    """Other temperatures, series resistances and initial states than the default, at several voltages."""
    worker = Worker()
    try:
        for family in SHIPPED:
            element = ELEMENTS[family]
            given = {"temperature": 310.0, "series_resistance": 50.0}
            given |= {s.initial: float(np.mean(s.bounds(element.values()))) for s in element.states.values() if s.held}
            assert [f for f in lint(bench(family, "0.1", **given)) if f.fatal] == []
            graph = DEVICES[family].build(**given)
            controls = ("e1", "e2") if element.gated else ("e1",)
            network = deck(assign_roles(graph, output="e0", inputs=(), controls=controls))
            for voltage in (-0.2, 0.05, 0.6):
                worker.load(bench(family, repr(voltage), **given))
                alone = -worker.run([], "op", ("v1#branch",)).vectors[0, 0]
                worker.load(network)
                gate = ["alter vdc_e2 dc = 1.4"] if element.gated else []
                run = worker.run([f"alter vdc_e1 dc = {voltage}", *gate], "op", ("vout_e0#branch",))
                # the native diode has gmin across it: 1e-18 S
                assert alone == pytest.approx(run.vectors[0, 0], rel=2e-6, abs=1e-18), (family, voltage)
    finally:
        worker.close()


@pytest.mark.parametrize("family", ["hp_biolek", "yakopcic", "pershin"])
def test_in_time_they_are_the_elements(family: str) -> None:
    loop, waveform = LOOPS[family], measured(family)
    worker = Worker()
    try:
        worker.load(bench(family, f"sin(0 {loop.amplitude} {loop.frequency})", **loop.parameters))
        step = 2 / loop.frequency / loop.points
        run = worker.run([], f"tran {step!r} {2 / loop.frequency!r} 0 {step!r}", ("v1#branch",))
    finally:
        worker.close()
    alone = np.interp(waveform.time, run.scale, -run.vectors[0])
    assert np.abs(alone - waveform.output).max() < 1e-3 * np.abs(waveform.output).max()

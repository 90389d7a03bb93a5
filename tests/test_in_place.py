"""A block altered to be at a corner is the block loaded at that corner, whoever had the circuit before."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hge_spice.devices.in_place import in_place
from hge_spice.drive import Drive, Tone, Transient
from hge_spice.graph import Network
from hge_spice.netlist import deck, noise_deck
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.kept import Kept
from hge_spice.study.bench.network import build_graph
from hge_spice.study.tables.spec import parse_study

BLOCK = """two transistors and a load
.model n nmos level=54 version=4.8
.model p pmos level=54 version=4.8
.subckt half in out vdd {parameters}
m1 out in 0 0 n w={width} l=0.5u
mtop out in vdd vdd p w=4u l=0.5u
r1 out 0 100k tc1=2e-3
.ends
.subckt two a b c out vdd
xone c x vdd half
xtwo x out vdd half
r2 a x 100k
r4 b x 200k
r3 out 0 50k
.ends
.end
"""
AXES = [(-40, 1.5, 1), (27, 1.2, 0), (125, 1.5, 2), (-40, 1.2, 2)]


def at(folder: Path, celsius: float, supply: float, draw: int, width: str = "2u", parameters: str = "") -> Network:
    (folder / "two.cir").write_text(BLOCK.format(width=width, parameters=parameters))
    study: dict[str, Any] = {
        "device": {"subcircuit": str(folder / "two.cir"), "name": "two", "temperature": f"{celsius} C"},
        "bias": {"vdd": f"{supply} V"},
        "electrodes": {"output": "out", "output_voltage": "0.5 V", "inputs": ["a", "b"], "controls": ["c"]},
        "task": {"name": "and", "levels": ["0 V", "1 V"]},
        "corners": {"mismatch": 3, "draw": draw, "threshold": "50 mV um"},
    }
    return build_graph(parse_study(study))


def measured(device: NgspiceDevice) -> list[np.ndarray]:
    control, inputs = np.array([0.6]), np.array([0.4, 0.9])
    drive = Drive(control, inputs, (Tone("c", 500.0, 4e-3, 0.3),), Transient(2e-3, 40))
    frequencies = np.array([500.0])
    return [
        device.operating_point(control, inputs).output,
        device.small_signal(control, inputs, frequencies),
        device.measure(drive).output,
        device.noise(control, inputs, frequencies),
    ]


def loaded(graph: Network) -> list[np.ndarray]:
    """With everything written into the deck that is loaded."""
    graph = graph.copy()
    del graph.graph["in_place"]
    with NgspiceDevice(graph) as device:
        return measured(device)


def test_what_is_altered_is_what_is_loaded(tmp_path: Path) -> None:
    """Temperature, supply and every transistor's threshold and gain: current, `.ac`, `.tran` and `.noise`."""
    seen = []
    with Kept() as kept:
        for axes in AXES:
            graph = at(tmp_path, *axes)
            with NgspiceDevice(graph, kept=kept) as device:
                altered = measured(device)
            for ours, theirs in zip(altered, loaded(graph), strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-8)
            seen.append(altered[0][0])
        assert len(kept) == 2  # the plain circuit's and that of the noise
    assert np.ptp(seen) > 0.1 * np.abs(seen).max()


def test_nothing_depends_on_who_had_the_circuit_before(tmp_path: Path) -> None:
    def run(order: list[tuple[float, float, int]]) -> dict[tuple[float, float, int], list[bytes]]:
        found = {}
        with Kept() as kept:
            for axes in order:
                with NgspiceDevice(at(tmp_path, *axes), kept=kept) as device:
                    found[axes] = [each.tobytes() for each in measured(device)]
        return found

    alone = {}
    for axes in AXES:
        alone |= run([axes])
    assert run(AXES) == run(AXES[::-1]) == alone


def test_a_kept_circuit_survives_the_end_of_its_process(tmp_path: Path) -> None:
    with Kept() as kept:
        with NgspiceDevice(at(tmp_path, *AXES[0]), kept=kept) as device:
            before = measured(device)
            os.kill(device.worker.pid, signal.SIGKILL)
            after = measured(device)
            assert device.retried == 1
        with NgspiceDevice(at(tmp_path, *AXES[0]), kept=kept) as device:
            assert device.retried == 0
            again = measured(device)
    assert [each.tobytes() for each in before] == [each.tobytes() for each in after] == [x.tobytes() for x in again]


@pytest.mark.parametrize(
    ("width", "parameters", "temperature", "values"),
    [
        ("2u", "", 398.15, 8),
        ("{2*wide}", "wide=1u", None, 0),  # whose area is not a plain number: loaded as it is
        ("2u", "heat={temper}", None, 8),  # an expression that ngspice would not evaluate again
    ],
)
def test_what_can_not_be_altered_is_loaded(
    tmp_path: Path, width: str, parameters: str, temperature: float | None, values: int
) -> None:
    graph = at(tmp_path, 125, 1.2, 1, width, parameters)
    split = in_place(graph)
    if not values:
        assert split is None
    else:
        assert split is not None
        assert split.temperature == temperature
        assert len(split.values) == values
    with NgspiceDevice(graph) as device:
        for ours, theirs in zip(measured(device), loaded(graph), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-8)


def test_only_the_noise_is_computed_from_an_easier_operating_point(tmp_path: Path) -> None:
    graph = at(tmp_path, *AXES[0])
    assert "reltol=1e-5" in noise_deck(graph)
    assert "reltol=1e-5" not in deck(graph)

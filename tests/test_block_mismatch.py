"""Mismatch written into a block's netlist, against the same thresholds altered in the loaded circuit."""

import numpy as np
import pytest

from hge_spice.devices.block_mismatch import transistors, with_thresholds
from hge_spice.devices.subcircuit import block
from hge_spice.graph import Network, assign_roles
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.worker import Worker

TEXT = """.model n nmos level=54 version=4.8
.model p pmos level=54 version=4.8
.subckt mirror in out vdd size=1
m1 in in vdd vdd p w={size*2u} l=1u
mlast out in vdd vdd p w={size*2u} l=1u m=2
.ends
.subckt pair a b out vdd
m1 x a s 0 n w=4u l = 0.5u
m2 out b s 0 n w=4u l=0.5u
r1 s 0 20k
xtop x out vdd mirror size=3
xnone out vdd unknown
.ends
.subckt unknown a b
r1 a b 1meg
.ends
"""
NAMES = ("m.x1.m1", "m.x1.m2", "m.x1.xtop.m1", "m.x1.xtop.mlast")


def pair() -> Network:
    return block(text=TEXT, name="pair", pins=("a", "b", "out", "vdd"))


def ready(graph: Network) -> Network:
    return assign_roles(graph, output=["out"], inputs=["b"], controls=["a"], bias={"vdd": 1.8}, output_voltage=0.9)


def current(graph: Network) -> float:
    with NgspiceDevice(ready(graph)) as device:
        return float(device.operating_point(np.array([0.8]), np.array([0.82])).output[0])


def test_transistors_go_by_their_flattened_names() -> None:
    assert transistors(pair()) == NAMES


def test_what_is_written_is_what_is_altered_in_place() -> None:
    """The parameters handed down through the hierarchy give the current that ngspice's own alter gives."""
    graph = with_thresholds(pair(), 5e-9, 2e-8, np.random.default_rng(3))
    drawn = graph.graph["subcircuit"]["parameters"]
    areas = (4e-6 * 0.5e-6, 4e-6 * 0.5e-6, 6e-6 * 1e-6, 6e-6 * 1e-6 * 2)
    with NgspiceDevice(ready(pair())) as device:
        alike = float(device.operating_point(np.array([0.8]), np.array([0.82])).output[0])
        worker: Worker = device.worker
        worker.run(
            [
                f"alter @{name}[{what}] = {value!r}"
                for k, (name, area) in enumerate(zip(NAMES, areas, strict=True))
                for what, value in (
                    ("delvto", drawn[f"drawn_v{k}"] / area**0.5),
                    ("mulu0", 1 + drawn[f"drawn_b{k}"] / area**0.5),
                )
            ],
            "op",
            ("v(out)",),
        )
        altered = float(device.operating_point(np.array([0.8]), np.array([0.82])).output[0])
    assert current(graph) == pytest.approx(altered, rel=1e-6)
    assert abs(altered - alike) > 1e-3 * abs(alike)
    assert current(with_thresholds(pair(), 0.0, 0.0, np.random.default_rng(3))) == pytest.approx(alike, rel=1e-9)


def test_pairs_differ_by_pelgroms_coefficient() -> None:
    """σ(ΔV_T)·√(w·l) = A and σ(Δβ/β)·√(w·l) = A of two alike, over 4000 draws (5 standard errors: 5.6 %)."""
    drawn = [
        with_thresholds(pair(), 5e-9, 2e-8, np.random.default_rng(seed)).graph["subcircuit"]["parameters"]
        for seed in range(4000)
    ]
    for key, coefficient in (("v", 5e-9), ("b", 2e-8)):
        apart = np.array([each[f"drawn_{key}0"] - each[f"drawn_{key}1"] for each in drawn])
        assert apart.std() == pytest.approx(coefficient, rel=0.056)
        assert abs(apart.mean()) < 5 * coefficient / 4000**0.5


def test_the_same_seed_gives_the_same_text() -> None:
    first, again = (with_thresholds(pair(), 5e-9, 0.0, np.random.default_rng(1)).graph["subcircuit"] for _ in range(2))
    assert first == again
    assert first["text"] != TEXT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".subckt pair a b out vdd\nr1 a b 1k\n.ends\n", "pair has no transistor of its own"),
        (".subckt pair a b out vdd\nm1 a b out vdd n\n.ends\n", "a transistor of pair has no w and l"),
    ],
)
def test_blocks_without_sizes_are_refused(text: str, message: str) -> None:
    graph = block(text=text, name="pair", pins=("a", "b", "out", "vdd"))
    with pytest.raises(ValueError, match=message):
        with_thresholds(graph, 1e-9, 0.0, np.random.default_rng(0))

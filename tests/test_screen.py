import networkx as nx
import numpy as np
import pytest

from hge_spice.graph import dopant_network
from hge_spice.screen import screen
from hge_spice.tasks import TASKS

GATES = [TASKS[name] for name in ("and", "or", "xor")]


def test_every_choice_is_tried_and_the_best_comes_first() -> None:
    graph = dopant_network(sites=6, electrodes=4, seed=2)
    seen: list[tuple[int, int]] = []
    choices = screen(
        graph,
        GATES,
        levels=(-0.3, 0.3),
        control_range=(-0.7, 0.7),
        settings=6,
        rng=np.random.default_rng(0),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert len(choices) == 4 * 3  # outputs times pairs of the others
    assert seen[-1] == (12, 12)
    assert len({(c.output, c.inputs) for c in choices}) == 12
    assert [c.worst for c in choices] == sorted((c.worst for c in choices), reverse=True)
    for c in choices:
        assert {c.output, *c.inputs, *c.controls} == {"e0", "e1", "e2", "e3"}
        assert set(c.reached) == {"and", "or", "xor"}
        assert c.failed == 0
        assert c.span > 0


def test_the_same_seed_screens_the_same() -> None:
    graph: nx.Graph = dopant_network(sites=4, electrodes=4, seed=1)  # type: ignore[type-arg]  # generic in stubs only
    asked = {"levels": (-0.3, 0.3), "control_range": (-0.7, 0.7), "settings": 3}
    assert screen(graph, GATES, **asked, rng=np.random.default_rng(5)) == screen(  # type: ignore[arg-type]
        graph,
        GATES,
        **asked,
        rng=np.random.default_rng(5),  # type: ignore[arg-type]
    )


def test_too_few_electrodes() -> None:
    with pytest.raises(ValueError, match="3 electrodes can't be one output, 2 inputs and a control"):
        screen(
            dopant_network(sites=4, electrodes=3, seed=0),
            GATES,
            levels=(-0.3, 0.3),
            control_range=(-0.7, 0.7),
            settings=1,
            rng=np.random.default_rng(0),
        )


@pytest.mark.long
def test_the_shipped_electrodes_are_among_the_best_of_the_shipped_device() -> None:
    gates = [TASKS[name] for name in ("and", "nand", "or", "nor", "xor", "xnor")]
    choices = screen(
        dopant_network(seed=13),
        gates,
        levels=(-0.3, 0.3),
        control_range=(-0.7, 0.7),
        settings=60,
        rng=np.random.default_rng(0),
        noise=14e-12,
    )
    rank = [(c.output, c.inputs) for c in choices].index(("e0", ("e2", "e3")))
    assert rank < 17  # the best tenth of 168

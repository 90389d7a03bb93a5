"""What a trained network loses when it changes, and what training it again from where it stood wins back."""

from typing import Any

from hge_spice.drive import Floats
from hge_spice.imperfections import altered, seen_through
from hge_spice.margin import Margin
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.study.bench import Bench
from hge_spice.train import read_out, train

CHANGE = 2**32  # added to the study's seed


def retrain(bench: Bench, control: Floats, workers: int = 1) -> dict[str, Any]:
    """Margins before the change, after it and after retraining where it was lost, and the steps that this took.

    control : [control], V, as trained. The network is changed by [retrain]'s `after`, drawn from the study's seed; the
    instrument stays what it is, and starts anew. Raises ValueError where the change doesn't fit, SimulationError.
    """
    study = bench.study
    before = read_out(bench.dut, control, bench.recipe).margin
    # another draw than that of the network as it was made
    changed = altered(bench.network.graph, study.retrain.after, study.training.seed + CHANGE)
    found: dict[str, Any] = _told("before", before)
    with NgspicePool(changed, workers) as network:
        dut = seen_through(network, {**study.imperfections, **study.retrain.after}, study.training.seed)
        after = read_out(dut, control, bench.recipe).margin
        found |= _told("after", after)
        again, steps = after, 0
        if not after.solved:
            for step in train(dut, control, bench.recipe, study.retrain.steps):
                again, steps = step.margin, step.number
    return found | _told("again", again) | {"retrain_steps": steps}


def _told(when: str, margin: Margin) -> dict[str, Any]:
    return {
        f"retrain_{when}_solved": margin.solved,
        f"retrain_{when}_gap": margin.gap,
        f"retrain_{when}_gap_over_span": margin.gap_over_span,
    }

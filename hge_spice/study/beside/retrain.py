"""What a trained network loses as it drifts and when it changes, and what training it again from there wins back."""

from typing import Any

from hge_spice.drive import Floats
from hge_spice.imperfections import OVER_TIME, altered, carried_on
from hge_spice.imperfections.imperfection import Imperfect
from hge_spice.margin import Margin
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.study.bench.auto import as_played
from hge_spice.study.bench.bench import Bench
from hge_spice.train import read_out, train

CHANGE = 2**32  # added to the study's seed


def lost(bench: Bench, control: Floats) -> dict[str, Any]:
    """What drift took during a training: margins of the same controls on the device as it was made, and as it is.

    control : [control], V, as trained. Nothing where nothing drifts. Raises SimulationError.
    """
    if not OVER_TIME & bench.study.imperfections.keys():
        return {}
    return {
        "drift": _told("as_made", read_out(as_played(bench.study, bench.network), control, bench.recipe).margin)
        | _told("as_it_is", read_out(bench.dut, control, bench.recipe).margin)
    }


def retrain(bench: Bench, control: Floats, workers: int = 1) -> dict[str, Any]:
    """Margins as trained, after the wait, after the change, and after retraining where it was lost; and its steps.

    control : [control], V, as trained
    The network is changed by [retrain]'s `after`, drawn from the study's seed; the instrument stays what it is, and
    what drifts goes on drifting. Raises ValueError where the change doesn't fit, SimulationError.
    """
    study, again = bench.study, bench.study.retrain
    found = _told("retrain_before", read_out(bench.dut, control, bench.recipe).margin)
    if again.wait:
        seconds = 0.0 if again.wait == "training" else float(again.wait)
        if isinstance(bench.instrument, Imperfect):
            seconds = seconds or bench.instrument.passed.seconds
            bench.instrument.wait(seconds)
        found |= _told("retrain_waited", read_out(bench.dut, control, bench.recipe).margin)
        found["retrain_waited_seconds"] = seconds
    # another draw than that of the network as it was made
    graph = altered(bench.network.graph, again.after, study.training.seed + CHANGE)
    quick = study.device.engine == "quasistatic"
    with QuasistaticDevice(graph) if quick else NgspicePool(graph, workers) as network:
        dut = as_played(study, carried_on(bench.instrument, network, again.after, study.training.seed))
        after = read_out(dut, control, bench.recipe).margin
        found |= _told("retrain_after", after)
        last, steps = after, 0
        if not after.solved:
            for step in train(dut, control, bench.recipe, again.steps):
                last, steps = step.margin, step.number
    return found | _told("retrain_again", last) | {"retrain_steps": steps}


def _told(when: str, margin: Margin) -> dict[str, Any]:
    return {
        f"{when}_solved": margin.solved,
        f"{when}_gap": margin.gap,
        f"{when}_gap_over_span": margin.gap_over_span,
    }

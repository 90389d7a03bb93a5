"""All of a study's bench that needs no simulator, built to see whether it fits, before any trial runs."""

from hge_spice.monotone import unreachable
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.screen import check_readout
from hge_spice.study.bench.network import build_graph, electrode_names
from hge_spice.study.bench.screening import provisional
from hge_spice.study.bench.settings import build_filter, build_loss, build_plan, check_batches, hum_on_tones
from hge_spice.study.tables.spec import Study
from hge_spice.study.tables.task import build_task


def check(study: Study) -> tuple[str, ...]:
    """Build all that needs no simulator; gives what looks odd in it. Raises ValueError where something doesn't fit."""
    task = build_task(study.task)
    screened = study.electrodes.roles == "screen"
    if screened:
        study = provisional(study, electrode_names(study))
    if len(study.electrodes.inputs) != task.bits.shape[1]:
        raise ValueError(
            f"{task.name} has {task.bits.shape[1]} inputs; electrodes.inputs names {len(study.electrodes.inputs)}"
        )
    task.inputs(study.task.levels)
    graph = build_graph(study)
    if screened:
        check_readout(graph)
    build_loss(study, graph)(task.classes)
    check_batches(study, graph)
    reason = unreachable(graph, task) if task.exact else None
    if reason and study.training.unreachable == "refuse":
        raise ValueError(f'{reason}. To try all the same: --anyway, or training.unreachable = "try"')
    if study.device.engine == "quasistatic":
        QuasistaticDevice(graph)
    plan = build_plan(study)
    build_filter(study)
    return (*graph.graph.get("remarks", ()), *hum_on_tones(study, plan))

"""What a study says of extractions and training before there is a device: tones, phases, filter, target, loss."""

from collections.abc import Callable

import numpy as np

from hge_spice.batches import batch_count, epoch_batches
from hge_spice.drive import Floats
from hge_spice.graph import Network, readout
from hge_spice.lockin import Filter, rc
from hge_spice.loss import LOSSES, Target
from hge_spice.planner.phases import PHASES
from hge_spice.study.tables.spec import Study
from hge_spice.study.tables.task import build_task
from hge_spice.tones import TonePlan, plan_from_harmonics, plan_tones


def build_plan(study: Study) -> TonePlan:
    """Plan the study's tones. Raises ValueError where there is no such plan."""
    drive = study.perturbation
    if isinstance(drive.tones, tuple):
        return plan_from_harmonics(drive.tones, drive.window, points=drive.points)
    return plan_tones(
        len(study.electrodes.controls),
        drive.window,
        points=drive.points,
        max_frequency=drive.max_frequency,
        min_frequency=drive.min_frequency,
        aim="points" if drive.tones == "auto" else "band",
        mains=drive.mains,
    )


def hum_on_tones(study: Study, plan: TonePlan) -> tuple[str, ...]:
    """Remarks on tones that lie where the study's mains hum is injected: it passes for a part of their derivatives."""
    hum = study.imperfections.get("mains")
    if hum is None or not hum["amplitude"]:
        return ()
    mains, window = float(hum["frequency"]), plan.window
    shares = (1.0, *(row[0] for row in hum["harmonics"]))
    lines = [(n + 1) * mains for n, share in enumerate(shares) if share]
    struck = [f"{f:g} Hz" for f in plan.frequencies if any(abs(f - line) < 0.5 / window for line in lines)]
    if not struck:
        return ()
    where = f"{'the tone' if len(struck) == 1 else 'tones'} at {', '.join(struck)}"
    remark = f"mains of {mains:g} Hz falls on {where}, and is taken for a part of the derivative there; "
    return (remark + f'perturbation.mains = "{mains:g} Hz" keeps tones off it',)


def build_phases(study: Study, plan: TonePlan) -> Floats:
    """Phases of the study's tones: [control], rad."""
    asked = study.perturbation.phases
    if isinstance(asked, tuple):
        return np.array(asked)
    return PHASES[asked](plan.harmonics, np.random.default_rng(study.training.seed))


def build_filter(study: Study) -> Filter:
    """Build the study's lock-in filter. Raises ValueError where it doesn't settle within the window."""
    lockin, window = study.lockin, study.perturbation.window
    if lockin.filter != "rc":
        return Filter(lockin.filter, window)
    return rc(window, lockin.order, None if lockin.time_constant == "auto" else lockin.time_constant)


def build_target(study: Study, graph: Network) -> Target:
    """Return what the outputs should be, and the noise that they are told apart in."""
    noise, task = study.readout.mean_noise(study.perturbation.window), build_task(study.task)
    wanted = task.wanted if len(task.labels) > 2 else None
    return Target(task.classes, study.task.targets, readout(graph).per_ampere, noise, wanted)


def build_loss(study: Study, graph: Network) -> Callable[[Floats], float]:
    """Return the loss of outputs: [pattern], in the read-out's unit."""
    loss, target = LOSSES[study.training.loss], build_target(study, graph)
    return lambda outputs: loss(outputs, target)[0]


def check_batches(study: Study, graph: Network) -> None:
    """Raise ValueError where some batches are of one class alone, and the loss needs both."""
    size, target = study.training.batch, build_target(study, graph)
    if size == "all":
        return
    # how many batches lack a class doesn't depend on the draw
    for patterns in epoch_batches(target.classes, size, np.random.default_rng(study.training.seed)):
        part = target.only(patterns)
        try:
            LOSSES[study.training.loss](part.classes, part)
        except ValueError as error:
            raise ValueError(
                f"training.batch: of {batch_count(len(target.classes), size)} batches an epoch, some suit no "
                f"{study.training.loss}: {error}; take larger batches, or mse"
            ) from error


def given_first(study: Study) -> Floats:
    """The control setting that the study's training.first gives in numbers: [control], V."""
    first = study.training.first
    named = first if isinstance(first, dict) else dict(zip(study.electrodes.controls, first, strict=True))
    return np.array([named[name] for name in study.electrodes.controls], dtype=float)

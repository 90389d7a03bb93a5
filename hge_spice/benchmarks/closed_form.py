"""A trial whose device is a closed form: what a study costs beside its simulator, and how that grows with trials."""

import time
from pathlib import Path

import numpy as np

from hge_spice.drive import Drive, Waveform
from hge_spice.gradient import ESTIMATORS, Measurement
from hge_spice.loss import LOSSES, Target
from hge_spice.planner.phases import random_phases
from hge_spice.study.run.ledger import Outcome
from hge_spice.study.run.perform import versions
from hge_spice.study.sweep.sampling import TrialSpec
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.tables.task import build_task
from hge_spice.tones import TonePlan, plan_from_harmonics
from hge_spice.train import Recipe, first_control, train
from hge_spice.update import RULES

HARMONICS, POINTS = (7, 11, 16, 17, 19), 75


class ClosedForm:
    """Two layers of tanh in place of a network: currents of nA from voltages, drawn by a seed."""

    def __init__(self, controls: tuple[str, ...], inputs: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.controls = controls
        self.inputs = tuple(f"in{k}" for k in range(inputs))
        self._hidden = rng.normal(0, 2, (8, len(controls) + inputs))
        self._out = rng.normal(0, 1e-9, 8)

    def measure(self, drive: Drive) -> Waveform:
        """The output over the window, A; see DeviceUnderTest."""
        transient = drive.transient
        at = np.asarray(transient.settle + transient.step * np.arange(transient.points), dtype=np.float64)
        control = np.repeat(drive.control[:, None], len(at), axis=1)
        for tone in drive.tones:
            k = self.controls.index(tone.electrode)
            control[k] += tone.amplitude * np.sin(2 * np.pi * tone.frequency * at + tone.phase)
        inputs = np.repeat(np.asarray(drive.inputs, float)[:, None], len(at), axis=1)
        output = (self._out @ np.tanh(self._hidden @ np.vstack([control, inputs]))).astype(np.float64)
        return Waveform(np.asarray(at, np.float64), output, transient.duration)


def closed_form(trial: TrialSpec, _out: Path) -> Outcome:
    """Train a closed form as the study says; a function that runs in any process, in place of `perform`."""
    began, cpu = time.perf_counter(), time.process_time()
    study = parse_study(trial.raw)
    task, count = build_task(study.task), len(study.electrodes.controls)
    dut = ClosedForm(study.electrodes.controls, len(study.electrodes.inputs), study.device.seed)
    plan: TonePlan = plan_from_harmonics(HARMONICS[:count], study.perturbation.window, points=POINTS)
    measurement = Measurement(
        plan=plan,
        amplitude=np.full(count, 2e-3),
        phase=random_phases(count, np.random.default_rng(study.training.seed)),
        settle=0.0,
        noise_density=study.readout.noise.psd,
    )
    recipe = Recipe(
        inputs=task.inputs(study.task.levels),
        target=Target(task.classes, study.task.targets),
        estimator=ESTIMATORS["homodyne"],
        measurement=measurement,
        loss=LOSSES[study.training.loss],
        rule=RULES[study.training.rule],
        rate=study.training.rate,
        control_range=study.electrodes.control_range,
    )
    control = first_control(count, study.electrodes.control_range, study.training.seed, 0)
    steps = list(train(dut, control, recipe, study.training.steps))
    last = steps[-1]
    result = {
        "solved": last.margin.solved,
        "steps": last.number,
        "starts": 1,
        "loss": last.loss,
        "gap": last.margin.gap,
        "gap_over_span": last.margin.gap_over_span,
        "contrast": last.margin.contrast,
        "d_prime": last.margin.d_prime,
        "outputs": last.outputs.tolist(),
        "control": last.control.tolist(),
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
    }
    return Outcome(result, "", time.perf_counter() - began, dict(versions()))

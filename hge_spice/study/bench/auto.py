"""What a study leaves open with `auto`, decided on its device: dead time, points, amplitude, the lock-in's phase."""

from dataclasses import dataclass, replace

import numpy as np

from hge_spice.calibrate import (
    check_points,
    choose_amplitude,
    choose_amplitudes,
    choose_points,
    choose_settle,
    follows_the_grid,
)
from hge_spice.drive import DeviceUnderTest, Floats
from hge_spice.drive.plateaus import PlateauDevice
from hge_spice.gradient import Measurement
from hge_spice.gradient.lag import Lag, calibrate_lag, reference_lag
from hge_spice.in_one_transient import InOneTransient
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.study.tables.spec import Study
from hge_spice.tones import with_even_points
from hge_spice.train import Cost


@dataclass(frozen=True)
class Decided:
    """A measurement with nothing left open, what finding it took, and the flags raised on the way."""

    measurement: Measurement
    cost: Cost
    flags: tuple[str, ...]


def decide(
    study: Study,
    network: NgspicePool | QuasistaticDevice,
    dut: DeviceUnderTest,
    control: Floats,
    inputs: Floats,
    measurement: Measurement,
) -> Decided:
    """Decide what is `auto` at one control setting: [control], V; inputs : [pattern, input], V.

    network : the simulated device itself; dut : the same as the study plays to it, through its imperfections
    measurement : all that the study says

    Raises ValueError where nothing fits, SimulationError.
    """
    cost = Cost()
    flags: tuple[str, ...] = ()
    # dead time and points are the circuit's and the solver's business: noise would only hide them
    ideal = as_played(study, network)
    if study.perturbation.settle == "auto":
        settle, flags = choose_settle(ideal, control, inputs, measurement)
        measurement = replace(measurement, settle=settle)
    if study.perturbation.points == "auto":
        plan, coarse = choose_points(ideal, control, inputs, measurement)
        measurement, flags = replace(measurement, plan=plan), (*flags, *coarse)
    else:
        flags = (*flags, *_check_grid(study, network, ideal, control, inputs, measurement))
    if study.training.where == "circuit" and study.circuit.chopped:
        measurement = replace(measurement, plan=with_even_points(measurement.plan))
    if study.perturbation.amplitude == "auto":
        chosen = choose_amplitude(dut, control, inputs, measurement, study.electrodes.control_range)
        measurement = replace(measurement, amplitude=np.full(len(control), chosen.amplitude))
        cost = chosen.cost
    elif study.perturbation.amplitude == "per_control":
        each = choose_amplitudes(dut, control, inputs, measurement, study.electrodes.control_range)
        measurement = replace(measurement, amplitude=each.amplitude)
        cost = each.cost
    if study.lockin.phase != "as_is":
        lag = _measured_lag(study, dut, control, inputs, measurement)
        measurement = replace(measurement, lag=lag.angle)
        cost += Cost(lag.runs, lag.simulated_seconds, lag.energy)
        flags = (*flags, "lag") if lag.unsure else flags
    return Decided(measurement, cost, flags)


def as_played(study: Study, dut: DeviceUnderTest) -> DeviceUnderTest:
    """The device as the study plays patterns to it: one by one, or in one transient."""
    if study.perturbation.patterns == "separate":
        return dut
    if not isinstance(dut, PlateauDevice):
        raise TypeError(f"{type(dut).__name__} can't play patterns in one transient")
    return InOneTransient(dut, study.perturbation.ramp, reset=study.perturbation.reset)


def _measured_lag(study: Study, dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement) -> Lag:
    if study.lockin.reference is None:
        return calibrate_lag(dut, control, inputs, measurement)
    return reference_lag(dut, control, inputs[0], measurement, study.lockin.reference)


def _check_grid(
    study: Study,
    network: NgspicePool | QuasistaticDevice,
    ideal: DeviceUnderTest,
    control: Floats,
    inputs: Floats,
    measurement: Measurement,
) -> tuple[str, ...]:
    """`coarse` where the points are too few; at a corner, a block for which they are enough keeps to them."""
    if study.corners is None or not isinstance(network, NgspicePool):
        return check_points(ideal, control, inputs, measurement)
    in_phase = study.lockin.phase == "as_is"  # a lag that is measured is turned back, and must be right as well
    if in_phase and follows_the_grid(network, control, inputs, measurement.plan):
        network.keep_to_the_grid()
        return ()
    return check_points(ideal, control, inputs, measurement)

"""A study: all its tables, in SI units, each checked by itself; `misfits.py` checks them against each other."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from hge_spice.study.tables.beside import Budget, Comparison, Curves, Retrain, Spacing
from hge_spice.study.tables.corners import Corners
from hge_spice.study.tables.device import Device
from hge_spice.study.tables.electrodes import Electrodes
from hge_spice.study.tables.imperfections import in_volts, read_imperfections
from hge_spice.study.tables.in_circuit import InCircuit
from hge_spice.study.tables.measurement import Lockin, Perturbation
from hge_spice.study.tables.metrics import Spec, read_specs
from hge_spice.study.tables.pdk import Pdk
from hge_spice.study.tables.readout import Readout
from hge_spice.study.tables.running import Cluster, Probe, Results
from hge_spice.study.tables.table import Table, Text
from hge_spice.study.tables.task import TaskChoice
from hge_spice.study.tables.training import Training
from hge_spice.study.text.units import quantity
from hge_spice.study.text.values import swept, table, voltages


class Study(Table):
    """A whole study in SI units. `sweep` and `smoke` stay as written, with dotted keys; notes go to the report."""

    title: Text = ""
    notes: Text = ""
    device: Device
    electrodes: Electrodes
    bias: Annotated[dict[str, float], BeforeValidator(voltages)] = Field(default_factory=dict)
    probe: Probe = Probe()
    pdk: Pdk | None = None
    corners: Corners | None = None
    task: TaskChoice
    perturbation: Perturbation = Perturbation()
    lockin: Lockin = Lockin()
    training: Training = Training()
    circuit: InCircuit = InCircuit()
    readout: Readout = Readout()
    compare: Comparison | None = None
    spacing: Spacing | None = None
    imperfections: Annotated[dict[str, dict[str, Any]], BeforeValidator(read_imperfections)] = Field(
        default_factory=dict
    )
    sweep: Annotated[dict[str, Any], BeforeValidator(swept)] = Field(default_factory=dict)
    specs: Annotated[dict[str, Spec], BeforeValidator(read_specs)] = Field(default_factory=dict)
    curves: Curves | None = None
    results: Results = Results()
    budget: Budget = Budget()
    retrain: Retrain = Retrain()
    cluster: Cluster | None = None
    smoke: Annotated[dict[str, Any], BeforeValidator(table)] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _in_the_outputs_unit(cls, given: Any) -> Any:
        """Targets and imperfections of an output that is a voltage."""
        how = given.get("readout") if isinstance(given, dict) else None
        if not isinstance(how, dict) or how.get("kind") not in {"voltage", "transimpedance"}:
            return given
        read = dict(given)
        task, again = given.get("task"), given.get("retrain")
        if isinstance(task, dict) and isinstance(task.get("targets"), list):
            read["task"] = {**task, "targets": _at("task.targets", lambda: _all_volts(task["targets"]))}
        gain: float | None = None
        if how["kind"] == "transimpedance":
            gain = _at("readout.gain", lambda: quantity(how.get("gain", Readout().gain), "resistance"))
        if "imperfections" in given:
            read["imperfections"] = _at("imperfections", lambda: in_volts(given["imperfections"], gain))
        if isinstance(again, dict) and "after" in again:
            read["retrain"] = {**again, "after": _at("retrain.after", lambda: in_volts(again["after"], gain))}
        return read


def _at(path: str, read: Callable[[], Any]) -> Any:
    """What is read, or its problem with the key's path."""
    try:
        return read()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _all_volts(values: list[Any]) -> list[float]:
    return [quantity(value, "voltage") for value in values]

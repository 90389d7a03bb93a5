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
    """Heads the report."""
    notes: Text = ""
    """Go to the report as they are."""
    device: Device
    """The network itself."""
    electrodes: Electrodes
    """Which electrode does what."""
    bias: Annotated[dict[str, float], BeforeValidator(voltages)] = Field(default_factory=dict)
    """Supplies and fixed electrodes, each a voltage by name."""
    probe: Probe = Probe()
    """What is kept beside the output."""
    pdk: Pdk | None = None
    """A process trusted by name, whose models a netlist may use."""
    corners: Corners | None = None
    """Points at which a block is signed off."""
    task: TaskChoice
    """What is to be learned."""
    perturbation: Perturbation = Perturbation()
    """Tones, and the timing of an extraction."""
    lockin: Lockin = Lockin()
    """What reads the tones."""
    training: Training = Training()
    """What it learns by."""
    circuit: InCircuit = InCircuit()
    """The circuit that learns by itself (training.where)."""
    readout: Readout = Readout()
    """How the outputs are read, and with what noise."""
    compare: Comparison | None = None
    """Estimators compared, beside training."""
    spacing: Spacing | None = None
    """How close tones may lie, beside training."""
    imperfections: Annotated[dict[str, dict[str, Any]], BeforeValidator(read_imperfections)] = Field(
        default_factory=dict
    )
    """What is injected: a preset, or imperfections by name, each a table."""
    sweep: Annotated[dict[str, Any], BeforeValidator(swept)] = Field(default_factory=dict)
    """Dotted keys, each with a list, a range, corners or a distribution; docs/scale.md has the options."""
    specs: Annotated[dict[str, Spec], BeforeValidator(read_specs)] = Field(default_factory=dict)
    """Bounds that count as a pass, of any metric: { min = …, max = … }."""
    curves: Curves | None = None
    """A picture and a table of a sweep."""
    results: Results = Results()
    """What a trial leaves."""
    budget: Budget = Budget()
    """Extractions repeated, to tell bias from spread."""
    retrain: Retrain = Retrain()
    """What happens to the trained network, and the training after it."""
    cluster: Cluster | None = None
    """Where a run's trials go."""
    smoke: Annotated[dict[str, Any], BeforeValidator(table)] = Field(default_factory=dict)
    """Dotted or nested keys that --smoke sets, so that a study runs small."""

    @model_validator(mode="before")
    @classmethod
    def _in_the_outputs_unit(cls, given: Any) -> Any:
        """Targets and imperfections of an output that is a voltage."""
        how = given.get("readout") if isinstance(given, dict) else None
        if not isinstance(how, dict) or how.get("kind") not in ("voltage", "transimpedance"):
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

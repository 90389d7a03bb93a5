"""What a trial's folder keeps of the trained network: graph, netlist, read-outs, and a data set's patterns."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from hge_spice.drive import Drive, Floats, measure_all
from hge_spice.graph import node_link
from hge_spice.linear import columns as by_output
from hge_spice.netlist import deck
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.generalise import Judged
from hge_spice.traces import Plot, write_raw


def write_circuit(bench: Bench, control: Floats, directory: Path) -> None:
    """Write the trained network: graph.json, netlist.cir, a read-out deck and a waveform of every pattern shown."""
    measurement = bench.recipe.measurement
    tones = measurement.tones(bench.dut.controls)
    (directory / "graph.json").write_text(json.dumps(node_link(bench.network.graph), indent=1))
    (directory / "netlist.cir").write_text(bench.deck(control), "utf-8")
    drives, titles = [], []
    for p, inputs in enumerate(bench.shown.inputs):
        drive = Drive(control, inputs, tones, measurement.transient)
        at_rest = Drive(control, inputs, (), measurement.transient)
        (directory / f"readout-{p}.cir").write_text(deck(bench.network.graph, at_rest), "utf-8")
        drives.append(drive)
        titles.append(f"pattern {p}: inputs {', '.join(f'{v:g} V' for v in inputs)}")
    waveforms = measure_all(bench.dut, drives)
    name = f"{'v' if bench.unit == 'V' else 'i'}(output)"
    plots: list[Plot] = [(title, {"time": w.time, name: w.output}) for title, w in zip(titles, waveforms, strict=True)]
    write_raw(directory / "waveform.raw", plots)


def write_patterns(bench: Bench, best: Judged, directory: Path) -> None:
    """patterns.csv: every training pattern's inputs, V, class or value, and outputs at the setting that was kept, A."""
    columns: dict[str, Any] = {f"input.{name}": bench.recipe.inputs[:, k] for k, name in enumerate(bench.dut.inputs)}
    columns["class" if bench.task.labels else "value"] = bench.task.classes
    names = bench.recipe.outputs or bench.study.electrodes.outputs[:1]
    columns |= {f"output.{name}": column for name, column in zip(names, by_output(best.outputs).T, strict=True)}
    csv.write_csv(pa.table(columns), directory / "patterns.csv")

"""Pictures with their tables that a report shows of a sweep: metrics over a key, gates, and how close tones may lie."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hge_spice.study.judge.curves import Point, write_curves
from hge_spice.study.report.svg import Draw, svg
from hge_spice.study.report.trial_folder import DAMAGE
from hge_spice.tasks.gates import GATES
from hge_spice.traces import read_raw

TASK = "task.name"
MOST_GATES = 12  # trials, of which each still has room for a panel
OF_A_GATE = ("solved", "gap", "gap_over_span", "contrast", "d_prime", "starts", "steps")

Rows = Sequence[Mapping[str, Any]]


def curve_parts(directory: Path, rows: Rows, study: Mapping[str, Any], draw: Draw = svg) -> dict[str, Any]:
    """Metrics over a swept key, of a study with [curves]; curves.csv goes beside the report."""
    asked = study.get("curves")
    try:
        found = write_curves(directory, rows, asked) if asked else []
    except DAMAGE:
        return {}
    if not asked or not found:
        return {}
    from hge_spice.plot.curves import curves  # noqa: PLC0415 - Matplotlib takes its time to import

    over, by = asked["over"], asked.get("by")
    table: dict[tuple[str, str], dict[str, Point]] = {}
    for each in found:
        table.setdefault((each.by, each.over), {})[each.metric] = each
    return {
        "curves": {"over": over, "by": by, "metrics": list(asked["metrics"]), "table": table},
        "curves_picture": draw(curves([vars(each) for each in found], over, by), "curves"),
    }


def gate_parts(directory: Path, rows: Rows, draw: Draw = svg) -> dict[str, Any]:
    """What each gate of a sweep over gates answers, in time and in numbers; gates.csv goes beside the report."""
    shown = [row for row in rows if row["parameters"].get(TASK) in GATES and row["status"] == "done"]
    if not 1 < len(shown) <= MOST_GATES or len(shown) < len(rows):
        return {}
    from hge_spice.plot.gates import Gate, gates  # noqa: PLC0415 - as above

    drawn, table = [], []
    unit = str(shown[0]["result"]["output_unit"])
    try:
        for row in shown:
            result = row["result"]
            plots = read_raw(directory / "trials" / Path(row["id"]).name / "waveform.raw")
            states = _states([title.partition("inputs ")[2] for title, _ in plots])
            traces = [vectors[f"{unit.lower().replace('a', 'i')}(output)"] for _, vectors in plots]
            name = ", ".join(str(value) for value in row["parameters"].values())
            gate = Gate(
                name, traces, result["window"], result["outputs"], result["classes"], states, bool(result["solved"])
            )
            drawn.append(gate)
            outputs = {f"output at {each}": output for each, output in zip(states, result["outputs"], strict=True)}
            table.append({"gate": name, **outputs, **{key: result[key] for key in OF_A_GATE}})
    except DAMAGE:
        return {}
    pd.DataFrame(table).to_csv(directory / "gates.csv", index=False)
    return {"gates": table, "gates_unit": unit, "gates_picture": draw(gates(drawn, unit), "gates")}


def _states(inputs: Sequence[str]) -> list[str]:
    """Logic states of patterns, from their inputs as waveform.raw names them: "-0.3 V, 0.3 V" is 01."""
    columns = zip(*(each.split(", ") for each in inputs), strict=True)
    volts = [[float(value.removesuffix(" V")) for value in column] for column in columns]
    return [
        "".join(str(int(value == max(column))) for value, column in zip(row, volts, strict=True))
        for row in zip(*volts, strict=True)
    ]


def spacing_parts(directory: Path, rows: Rows) -> dict[str, Any]:
    """What the sets of a study of tone spacing say; spacing.csv and derivatives.csv go beside the report."""
    sets, lines, points = [], [], []
    for row in rows:
        if "spacing" not in row["result"]:
            continue
        try:
            path = directory / "trials" / Path(row["id"]).name / "spacing.json"
            found = json.loads(path.read_text(encoding="utf-8"))
            for strength, curve in found["curves"].items():
                columns = {key: curve[key] for key in ("measured_spacing", "expected", "measured", "measured_stderr")}
                lines.append(pd.DataFrame({"trial": row["id"], "strength": strength, **columns}))
            for each in found["sets"]:
                count, controls = len(each["single"]), len(each["single"][0])
                sets.append({key: value for key, value in each.items() if key not in {"single", "multi"}})
                pairs = {"set": [k // controls for k in range(count * controls)]}
                pairs |= {key: [value for one in each[key] for value in one] for key in ("single", "multi")}
                points.append(pd.DataFrame({"trial": row["id"], "spacing": each["spacing"], **pairs}))
        except DAMAGE:
            continue
    for name, tables in (("spacing", lines), ("derivatives", points)):
        if tables:
            pd.concat(tables).to_csv(directory / f"{name}.csv", index=False)
    return {
        "spacing_curves": [line for table in lines for line in table.to_dict("records")],
        "spacing_sets": sets,
    }

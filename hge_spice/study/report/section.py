"""One trial in the report: its pictures, truth table, flags and settings."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
from markupsafe import Markup

from hge_spice.margin import CONTRAST, D_PRIME, GAP_OVER_SPAN
from hge_spice.study.report.rerun import alone, keeping
from hge_spice.study.report.svg import Draw
from hge_spice.study.report.trial_folder import DAMAGE, Folder, read_folder
from hge_spice.study.tables.training import Training
from hge_spice.study.text.units import quantity, render

SETTINGS = (  # what, its key among the results, its unit, and its path in the study
    ("tone amplitude, peak", "amplitude", "V", "perturbation.amplitude"),
    ("window", "window", "s", "perturbation.window"),
    ("points per window", "points", "", "perturbation.points"),
    ("dead time before each window", "settle", "s", "perturbation.settle"),
    ("tones, harmonics of 1/window", "harmonics", "", "perturbation.tones"),
    ("tones, frequencies", "frequencies", "Hz", ""),
    ("tones, electrodes", "controls", "", "electrodes.controls"),
    ("control setting reached", "control", "V", "electrodes.control_range"),
    ("σ of a read-out over one window", "noise", "A", "readout.noise"),
    *(
        (key, "", "", f"training.{key}")
        for key in ("estimator", "loss", "rule", "rate", "gap_over_span", "batch", "steps", "starts", "seed")
    ),
)
UNITS = {"radius": "m", "localisation": "m", "temperature": "K", "attempt_rate": "Hz"}
T = TypeVar("T")


@dataclass
class Section:
    """One trial as the template shows it: its row of the table, and the rest where it is shown in full.

    unkept : the command that runs it again with its files kept, where the study asked that none be
    """

    row: dict[str, Any]
    rerun: str
    shown: bool
    unkept: str = ""
    missing: list[str] = field(default_factory=list)
    pictures: dict[str, Markup] = field(default_factory=dict)
    patterns: list[dict[str, Any]] = field(default_factory=list)
    checks: list[tuple[str, str, str, bool]] = field(default_factory=list)
    flags: list[tuple[str, str]] = field(default_factory=list)
    settings: list[tuple[str, str, str]] = field(default_factory=list)
    device: list[tuple[str, str]] = field(default_factory=list)
    family: str = ""
    block: str = ""
    worst: str = ""
    circuit: dict[str, Any] = field(default_factory=dict)

    @property
    def result(self) -> dict[str, Any]:
        """The trial's result; empty where it has none."""
        return dict(self.row["result"])

    def attempt(self, what: str, make: Callable[[], T]) -> T | None:
        """What `make` gives, or nothing and a line in `missing`, but for files that nobody asked to keep."""
        try:
            return make()
        except FileNotFoundError:
            if not self.unkept:
                self.missing.append(f"{what}: there is no such file")
        except DAMAGE as error:
            self.missing.append(f"{what}: {type(error).__name__}: {str(error)[:300]}")
        return None


def section_of(
    directory: Path, row: dict[str, Any], study: dict[str, Any], plot: ModuleType, make: Draw, *, shown: bool
) -> Section:
    """Of a row of the ledger; study : as written; plot : the module that draws, make : its figures into the page.

    shown : whether in full
    """
    section = Section(row, alone(directory, row), shown)
    if not shown or row["status"] == "created":
        return section
    results = study.get("results")
    if isinstance(results, dict) and results.get("keep") == "none":
        section.unkept = keeping(directory, row)
    folder = read_folder(directory / "trials" / Path(row["id"]).name, row, study, section.attempt)

    def draw(name: str) -> None:
        figure = PICTURES[name](folder, plot)
        if figure:
            section.pictures[name] = make(figure, f"{row['id']}-{name}")

    for name in PICTURES:
        section.attempt(f"picture {name}", partial(draw, name))
    if not folder.of_data:
        section.attempt("truth table", lambda: _judge(section, folder, plot.si))
    section.attempt("flags", lambda: _flags(section, folder))
    section.circuit = folder.circuit
    section.attempt("settings", lambda: _settings(section, folder, plot.si))
    section.attempt("device", lambda: _device(section, folder, plot.si))
    return section


def _control_curves(folder: Folder, plot: ModuleType) -> Any:
    asked = folder.asked("electrodes.control_range")
    reach = tuple(quantity(value, "voltage") for value in asked) if asked else None
    return folder.steps is not None and plot.control_curves(folder.steps, reach)


def _circuit_against_loop(folder: Folder, _plot: ModuleType) -> Any:
    from hge_spice.plot.circuit import circuit_against_loop  # noqa: PLC0415 - as in report.py

    if folder.steps is None or not any(column.startswith("loop.") for column in folder.steps.columns):
        return None
    return circuit_against_loop(folder.steps)


def _block_diagram(folder: Folder, _plot: ModuleType) -> Any:
    if not (folder.circuit and folder.comparison):
        return None
    from hge_spice.plot.blocks import block_diagram  # noqa: PLC0415 - as in report.py

    bill = {block["name"]: block["power_watt"] for block in folder.circuit["blocks"]}
    return block_diagram(len(folder.comparison["controls"]), len(folder.outputs), bill)


def _spectrum(folder: Folder, plot: ModuleType) -> Any:
    about = folder.comparison
    if not (about and folder.plots):
        return None
    vectors = folder.plots[_worst(folder)][1]
    return plot.spectrum(
        vectors["time"],
        vectors["v(output)" if folder.unit == "V" else "i(output)"],
        quantity=folder.unit,
        names=about["controls"],
        noise=2
        * folder.noise,  # mean square 2S/T of a harmonic's amplitude (S/T a quadrature) against S/(2T) of a mean
        **{key: about[key] for key in ("harmonics", "window", "points")},
    )


def _network(folder: Folder, plot: ModuleType) -> Any:
    reached = dict(zip(folder.comparison.get("controls", []), folder.comparison.get("control", []), strict=True))
    drawable = folder.graph is not None and "subcircuit" not in folder.graph.graph
    return drawable and plot.network(folder.graph, reached)


def _worst(folder: Folder) -> int:
    """The pattern whose gradient is furthest from the truth."""
    return int(np.argmax(np.nan_to_num(folder.comparison["relative_error"], nan=0.0)))


def _of_data(folder: Folder, name: str) -> Any:
    from hge_spice.plot.data import accuracy_curve, answers_over_radius, decision_map  # noqa: PLC0415 - Matplotlib takes its time

    if name == "decision_map":
        return decision_map(folder.decided)
    if name == "over_radius":
        return answers_over_radius(folder.radial)
    return folder.of_data and folder.steps is not None and accuracy_curve(folder.steps, folder.result)


# each gives a Figure, or nothing where there is nothing to draw it from, which `missing` then says already
PICTURES: dict[str, Callable[[Folder, ModuleType], Any]] = {
    "accuracy_curve": lambda folder, _plot: _of_data(folder, "accuracy_curve"),
    "decision_map": lambda folder, _plot: folder.decided and _of_data(folder, "decision_map"),
    "over_radius": lambda folder, _plot: folder.radial and _of_data(folder, "over_radius"),
    "truth_table": lambda folder, plot: (
        folder.outputs
        and not folder.of_data
        and plot.truth_table(folder.outputs, folder.classes, folder.labels, folder.noise, folder.unit)
    ),
    "loss_curves": lambda folder, plot: folder.steps is not None and plot.loss_curves(folder.steps),
    "control_curves": _control_curves,
    "circuit_against_loop": _circuit_against_loop,
    "block_diagram": _block_diagram,
    "gradient_against_truth": lambda folder, plot: folder.comparison and plot.gradient_against_truth(folder.comparison),
    "spectrum": _spectrum,
    "network": _network,
}


def _judge(section: Section, folder: Folder, si: Callable[[float, str], str]) -> None:
    """The truth table with margins, and the conditions of `solved` with their numbers."""
    outputs, classes, noise = np.array(folder.outputs), np.array(folder.classes), folder.noise
    if not len(outputs):
        return
    threshold = 0.5 * (outputs[classes > 0.5].min() + outputs[classes <= 0.5].max())
    for label, output, level in zip(folder.labels, outputs.tolist(), classes.tolist(), strict=True):
        margin = (output - threshold) * (1 if level > 0.5 else -1)
        sigmas = f"{margin / noise:.1f} σ".replace("-", "−") if noise > 0 else "–"
        row = {
            "inputs": label,
            "class": f"{level:g}",
            "output": si(output, folder.unit),
            "margin": si(margin, folder.unit),
        }
        section.patterns.append({**row, "sigmas": sigmas, "right": margin > 0})
    last: Any = folder.last if folder.last is not None and not folder.result else folder.result
    d_prime = np.inf if last["d_prime"] is None and last["gap"] > 0 else last["d_prime"]
    for what, found, needed in (
        ("gap / span", last["gap_over_span"], GAP_OVER_SPAN),
        ("contrast: span / largest |output|", last["contrast"], CONTRAST),
        (f"d′: gap / σ, σ = {si(noise, folder.unit)}", d_prime, D_PRIME),
    ):
        met = found is not None and bool(found >= needed)
        section.checks.append((what, number(si, found), f"≥ {needed:g}", met))


def _flags(section: Section, folder: Folder) -> None:
    counts = {name: f"{count} step{'s'[: count != 1]}" for name, count in folder.result.get("flags", {}).items()}
    for name in folder.comparison.get("flags", []):
        counts[name] = ", ".join([*filter(None, [counts.get(name)]), "the comparison with the truth"])
    section.flags = list(counts.items())


def _settings(section: Section, folder: Folder, si: Callable[[float, str], str]) -> None:
    """Settings as used, beside what the study asks for."""
    used = folder.comparison | folder.result | {"noise": folder.noise or None}
    if "window" in used and "harmonics" in used:
        used["frequencies"] = [harmonic / used["window"] for harmonic in used["harmonics"]]
    if folder.comparison:
        section.worst = folder.labels[_worst(folder)]
    for what, key, si_unit, path in SETTINGS:
        value, unit = used.get(key), (folder.unit if key == "noise" else si_unit)
        shown = [number(si, v, unit) for v in value] if isinstance(value, list) else [number(si, value, unit)]
        alike = shown[:1] if unit == "V" and len(set(shown)) == 1 else shown
        asked = folder.asked(path)
        if value is None and path.startswith("training."):
            value, alike = True, [_trained_by(path.removeprefix("training."), asked)]
        written = json.dumps(asked, ensure_ascii=False) if isinstance(asked, dict | list) else str(asked)
        if asked is None:
            written = "default" if path else ""
        section.settings.append((what, ", ".join(alike) if value is not None else "", written))


def _trained_by(key: str, asked: Any) -> str:
    """A key of [training] as it acts: as the study has it, or its default."""
    value = getattr(Training(), key) if asked is None else asked
    return render(value, "voltage") if key == "rate" and isinstance(value, float) else str(value)


def _device(section: Section, folder: Folder, si: Callable[[float, str], str]) -> None:
    if folder.graph is None:
        return
    nodes, about = folder.graph.nodes(data=True), folder.graph.graph
    whole = about.get("subcircuit")  # a block that is given as it is has neither sites nor links
    if whole:
        section.block = str(whole["name"])
    else:
        section.family = str(about.get("family"))
        sites = sum(data.get("kind") == "site" for _, data in nodes)
        section.device = [("sites", str(sites)), ("links", str(folder.graph.number_of_edges()))]
    section.device += [(key, number(si, v, UNITS.get(key, ""))) for key, v in about.get("parameters", {}).items()]
    for role in ("output", "input", "control", "ground", "bias"):
        named = sorted((data.get("order", 0), str(name)) for name, data in nodes if data.get("role") == role)
        if named:
            section.device.append((role, ", ".join(name for _, name in named)))


def number(si: Callable[[float, str], str], value: Any, unit: str = "") -> str:
    """A number with its unit, a dash for none; anything else as it is."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float) or (isinstance(value, int) and not unit):
        return str(value)
    return si(value, unit) if unit or not np.isfinite(value) else f"{value:.3g}".replace("-", "−")


def percent(value: Any) -> str:
    """A share in percent, a dash for none."""
    return f"{100 * value:.3g} %" if isinstance(value, int | float) and np.isfinite(value) else "–"

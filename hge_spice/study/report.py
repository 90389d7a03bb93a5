"""The report: what a run left on disk becomes one self-contained HTML file, whatever is missing from it."""

import base64
import hashlib
import io
import json
import logging
import re
import shlex
import tomllib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import networkx as nx
import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from hge_spice.margin import CONTRAST, D_PRIME, GAP_OVER_SPAN, SOLVER_FACTOR
from hge_spice.study.budget import sentence, write_budget
from hge_spice.study.files import place
from hge_spice.study.functional import explained, write_functional_yield
from hge_spice.study.ledger import read_ledger
from hge_spice.study.metrics import read_specs
from hge_spice.study.overview import overview
from hge_spice.study.pages import MOST_PAGES, sweep_data
from hge_spice.study.statistics import failures, sensitivities, worst, yields, yields_by_value
from hge_spice.study.units import quantity
from hge_spice.study.verdict import verdict, written
from hge_spice.tasks.gates import GATES
from hge_spice.traces import read_raw

FIRST = 12  # trials up to which each has a section in full; of more, pages are drawn by the report's script
COLUMNS = (  # of the table of trials, after swept keys, trial and status
    ("starts", "starts"),
    ("steps", "steps"),
    ("extractions", "extractions"),
    ("loss", "loss"),
    ("gap", "gap"),
    ("gap_over_span", "gap / span"),
    ("contrast", "contrast"),
    ("d_prime", "d′"),
    ("relative_error_max", "gradient error"),
    ("simulated_seconds", "simulated"),
    ("energy_joule", "energy"),
    ("seconds", "computing"),
)
# what a file that is cut short, edited or from another version makes its reader or a picture raise
DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, nx.NetworkXException)
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
        for key in ("estimator", "loss", "rule", "rate", "batch", "steps", "starts", "seed")
    ),
)
SHARE = 0.01  # of a variance that the report's table begins at; sensitivity.csv has all
UNITS = {"radius": "m", "localisation": "m", "temperature": "K", "attempt_rate": "Hz"}
COLOURS = {"#000000": "currentColor", "#ffffff": "var(--paper)", "#0072b2": "var(--blue)"}  # that a dark screen needs
T = TypeVar("T")


@dataclass
class Section:
    """One trial as the template shows it: its row of the table, and the rest where it is shown in full."""

    row: dict[str, Any]
    rerun: str
    shown: bool
    missing: list[str] = field(default_factory=list)
    pictures: dict[str, Markup] = field(default_factory=dict)
    patterns: list[dict[str, Any]] = field(default_factory=list)
    checks: list[tuple[str, str, str, bool]] = field(default_factory=list)
    flags: list[tuple[str, str]] = field(default_factory=list)
    settings: list[tuple[str, str, str]] = field(default_factory=list)
    device: list[tuple[str, str]] = field(default_factory=list)
    family: str = ""
    worst: str = ""
    circuit: dict[str, Any] = field(default_factory=dict)

    @property
    def result(self) -> dict[str, Any]:
        """The trial's result; empty where it has none."""
        return dict(self.row["result"])

    def attempt(self, what: str, make: Callable[[], T]) -> T | None:
        """What `make` gives, or nothing and a line in `missing`."""
        try:
            return make()
        except FileNotFoundError:
            self.missing.append(f"{what}: there is no such file")
        except DAMAGE as error:
            self.missing.append(f"{what}: {type(error).__name__}: {str(error)[:300]}")
        return None


@dataclass
class Folder:
    """What a trial's folder holds; None or empty where it is missing. All that is read from it may raise DAMAGE."""

    result: dict[str, Any]
    study: dict[str, Any]
    steps: pd.DataFrame | None
    comparison: dict[str, Any]
    graph: Any
    plots: list[Any]
    decided: dict[str, Any] = field(default_factory=dict)

    @property
    def of_data(self) -> bool:
        """Whether it is a data set or regression, whose patterns are too many to be shown one by one."""
        return "test_patterns" in self.result

    def asked(self, path: str) -> Any:
        """A key of the trial's study as written; None where it is left to its default."""
        found: Any = self.study
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return found

    @property
    def noise(self) -> float:
        """Standard deviation of one read-out, A, from what was judged by it; 0 where nothing was."""
        if self.steps is None:
            return 0.0
        gap, ratio = self.steps["gap"].to_numpy(float), self.steps["d_prime"].to_numpy(float)
        usable = np.flatnonzero(np.isfinite(ratio) & (ratio != 0))
        return float(gap[usable[-1]] / ratio[usable[-1]]) if len(usable) else 0.0

    @property
    def unit(self) -> str:
        """Of the output: A or V."""
        return "V" if self.result.get("output_unit") == "V" else "A"

    @property
    def outputs(self) -> list[float]:
        """[pattern], A: the result's, or those of the last step that was read out."""
        last = self.last
        if "outputs" not in self.result and last is not None:
            return [float(last[column]) for column in last.index if column.startswith("output.")]
        return list(self.result.get("outputs", []))

    @property
    def last(self) -> pd.Series | None:
        """The last step after which all patterns were read: with batches, the end of an epoch."""
        read = None if self.steps is None else self.steps[self.steps["gap"].notna()]
        return None if read is None or read.empty else read.iloc[-1]

    @property
    def classes(self) -> list[float]:
        """[pattern]: the result's, or the task's."""
        if "classes" in self.result or self.asked("task.name") not in GATES:
            return list(self.result.get("classes", []))
        return [float(level) for level in GATES[self.asked("task.name")]().classes]

    @property
    def labels(self) -> list[str]:
        """The patterns' inputs in words."""
        if self.comparison:
            named = [", ".join(f"{v:g} V" for v in row) for row in self.comparison["inputs"]]
        else:
            named = [title.partition("inputs ")[2] or title for title, _ in self.plots]
        return [name.replace("-", "−") for name in named] or [f"pattern {p}" for p in range(len(self.outputs))]


def write_report(directory: Path) -> Path:
    """Make directory/report.html from what is on disk, and return its path.

    Raises ValueError where the directory isn't a run's, OSError where it can't be written.
    """
    rows = read_ledger(directory)
    missing: list[str] = []
    text, study = "", {}
    try:
        text = (directory / "study.toml").read_text(encoding="utf-8")
        study = tomllib.loads(text)
    except (OSError, ValueError) as error:
        missing.append(f"study.toml can't be read: {error}")
    sections, plot = _sections(directory, rows, study)
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    templates.filters |= {"si": partial(_number, plot.si), "percent": _percent}
    html = templates.get_template("report.html.j2").render(
        title=str(study.get("title") or directory.resolve().name),
        notes=study.get("notes"),
        screened=isinstance(study.get("electrodes"), dict) and study["electrodes"].get("roles") == "screen",
        directory=str(directory),
        rerun=f"hge-spice run {shlex.quote(str(directory / 'study.toml'))}",
        study=text,
        missing=missing,
        sections=sections,
        overviews=overview(directory, rows, _svg),
        columns=COLUMNS,
        swept=list(dict.fromkeys(key for row in rows for key in row["parameters"])),
        done=sum(row["status"] == "done" for row in rows),
        failed=sum(row["status"] == "failed" for row in rows),
        solved=sum(bool(row["result"].get("solved")) for row in rows),
        seconds=sum(row["seconds"] or 0.0 for row in rows),
        versions={name: version for row in rows for name, version in row["versions"].items()},
        bounds={"gap": GAP_OVER_SPAN, "contrast": CONTRAST, "d_prime": D_PRIME, "solver": SOLVER_FACTOR},
        limits={"first": FIRST, "pages": MOST_PAGES},
        **_budget(directory, rows, plot),
        **_signoff(directory, rows, study),
        functional=(functional := write_functional_yield(rows, directory)),
        unsolved=explained(functional),
        **(_sweep(directory, rows, study, plot) if len(rows) > 1 else {}),
    )
    path, partly = directory / "report.html", directory / "report.html.part"
    partly.write_text(html, encoding="utf-8", errors="xmlcharrefreplace")
    partly.replace(path)
    return path


def _budget(directory: Path, rows: list[dict[str, Any]], plot: ModuleType) -> dict[str, Any]:
    """The error budget of a study that tells one; its table goes beside the report as CSV."""
    lines = write_budget(rows, directory)
    if not lines:
        return {}
    picture = _svg(plot.budget([asdict(line) for line in lines]), "budget")
    return {"budget": lines, "budget_says": sentence(lines), "budget_picture": picture}


def _signoff(directory: Path, rows: list[dict[str, Any]], study: dict[str, Any]) -> dict[str, Any]:
    """The verdict over corners of a study that tells one, as a matrix, and the command that reruns each worst point."""
    try:
        found = verdict(rows, read_specs(study.get("specs", {})))
    except DAMAGE:
        return {}
    if found is None:
        return {}
    from hge_spice.plot.signoff import Square, matrix  # noqa: PLC0415 - Matplotlib takes its time to import

    squares = [
        [
            Square(written(metric, cell), cell.margin, cell.met < corner.passed.total)
            for cell, metric in zip(corner.cells, found.specs, strict=True)
        ]
        for corner in found.corners
    ]
    names = [f"{corner.name}   {corner.passed.passed}/{corner.passed.total}" for corner in found.corners]
    by_id = {row["id"]: row for row in rows}
    worst = {metric: f"{_alone(directory, by_id[row])} --set results.keep=all" for metric, row in found.worst.items()}
    return {
        "signoff": found,
        "signoff_picture": _svg(matrix(names, found.specs, squares), "signoff"),
        "signoff_worst": worst,
    }


def _sweep(directory: Path, rows: list[dict[str, Any]], study: dict[str, Any], plot: ModuleType) -> dict[str, Any]:
    """What only a study of several trials shows; its tables go beside the report as CSV."""
    try:
        specs = read_specs(study.get("specs", {}))
    except DAMAGE:
        specs = {}
    found, keys = yields(rows, specs), sensitivities(rows)
    by_value = yields_by_value(rows, specs)
    tables = {
        "yield": [{"key": "", **asdict(each)} for each in found] + [{"key": key, **asdict(e)} for key, e in by_value],
        "sensitivity": [asdict(each) for each in keys],
    }
    for name, lines in tables.items():
        if lines:
            pd.DataFrame(lines).to_csv(directory / f"{name}.csv", index=False)
    data = sweep_data(directory, rows, specs, plot.amplitude_spectrum)
    data["command"] = shlex.join(["hge-spice", "run", str(directory / "study.toml")])
    data["settings"] = [shlex.join(_settings_of(row)) for row in rows]
    script = Path(__file__).with_name("report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for letter in "<>&\u2028\u2029":  # so that nothing in it can end the element
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return {
        "yields": found,
        "yields_by": by_value,
        "sensitivity": [each for each in keys if each.share >= SHARE],
        "failures": failures(rows),
        "worst": [(row["id"], f"{_alone(directory, row)} --set results.keep=all") for row in worst(rows, specs)],
        "data": Markup(text),  # noqa: S704 - escaped above
        "script": Markup(script),  # noqa: S704 - our own
        "script_hash": f"sha256-{digest}",
    }


def _sections(directory: Path, rows: list[dict[str, Any]], study: dict[str, Any]) -> tuple[list[Section], ModuleType]:
    """Every trial, and the module that draws. Matplotlib is imported here, since it takes its time."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)  # not a word about its font cache
    try:
        from matplotlib import rc_context  # noqa: PLC0415 - see above

        from hge_spice import plot  # noqa: PLC0415
    finally:
        log.setLevel(level)
    shown = len(rows) <= FIRST
    # text as outlines, and the same identifiers each time
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "hge-spice"}):
        return [_section(directory, row, study, plot, shown=shown) for row in rows], plot


def _section(directory: Path, row: dict[str, Any], study: dict[str, Any], plot: ModuleType, *, shown: bool) -> Section:
    section = Section(row, _alone(directory, row), shown)
    if not shown or row["status"] == "created":
        return section
    folder = _read(section, directory / "trials" / Path(row["id"]).name, study)

    def draw(name: str) -> None:
        figure = PICTURES[name](folder, plot)
        if figure:
            section.pictures[name] = _svg(figure, f"{row['id']}-{name}")

    for name in PICTURES:
        section.attempt(f"picture {name}", partial(draw, name))
    if not folder.of_data:
        section.attempt("truth table", lambda: _judge(section, folder, plot.si))
    section.attempt("flags", lambda: _flags(section, folder))
    if folder.asked("training.where") == "circuit":
        path = directory / "trials" / Path(row["id"]).name / "circuit.json"
        section.circuit = section.attempt("circuit.json", lambda: dict(json.loads(path.read_text("utf-8")))) or {}
    section.attempt("settings", lambda: _settings(section, folder, plot.si))
    section.attempt("device", lambda: _device(section, folder, plot.si))
    return section


def _alone(directory: Path, row: Mapping[str, Any]) -> str:
    """The command that runs one trial of a sweep."""
    return shlex.join(["hge-spice", "run", str(directory / "study.toml"), *_settings_of(row)])


def _settings_of(row: Mapping[str, Any]) -> list[str]:
    settings = (f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in row["parameters"].items())
    return [word for setting in settings for word in ("--set", setting)]


def _read(section: Section, folder: Path, study: dict[str, Any]) -> Folder:
    def own_study() -> dict[str, Any]:
        text = study
        for key, value in section.row["parameters"].items():
            text = place(text, tuple(key.split(".")), value)
        return text

    def steps() -> pd.DataFrame:
        found = pd.read_parquet(folder / "steps.parquet")
        if found.empty:
            raise ValueError("it has no rows")
        return found

    def table(name: str) -> dict[str, Any]:
        return dict(json.loads((folder / name).read_text(encoding="utf-8")))

    return Folder(
        section.result,
        section.attempt("the trial's study", own_study) or {},
        section.attempt("steps.parquet (loss and control curves)", steps),
        section.attempt("gradient.json (gradient against truth)", lambda: table("gradient.json")) or {},
        section.attempt("graph.json (network)", lambda: nx.node_link_graph(table("graph.json"), edges="edges")),
        section.attempt("waveform.raw (spectrum)", lambda: read_raw(folder / "waveform.raw")) or [],
        table("decision_map.json") if (folder / "decision_map.json").is_file() else {},
    )


def _control_curves(folder: Folder, plot: ModuleType) -> Any:
    asked = folder.asked("electrodes.control_range")
    reach = tuple(quantity(value, "voltage") for value in asked) if asked else None
    return folder.steps is not None and plot.control_curves(folder.steps, reach)


def _circuit_against_loop(folder: Folder, _plot: ModuleType) -> Any:
    from hge_spice.plot.circuit import circuit_against_loop  # noqa: PLC0415 - as in _sections

    if folder.steps is None or not any(column.startswith("loop.") for column in folder.steps.columns):
        return None
    return circuit_against_loop(folder.steps)


def _block_diagram(folder: Folder, _plot: ModuleType) -> Any:
    from hge_spice.plot.circuit import block_diagram  # noqa: PLC0415 - as in _sections

    learned = folder.asked("training.where") == "circuit" and folder.comparison
    return learned and block_diagram(len(folder.comparison["controls"]), len(folder.outputs))


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
    return folder.graph is not None and plot.network(folder.graph, reached)


def _worst(folder: Folder) -> int:
    """The pattern whose gradient is furthest from the truth."""
    return int(np.argmax(np.nan_to_num(folder.comparison["relative_error"], nan=0.0)))


def _of_data(folder: Folder, name: str) -> Any:
    from hge_spice.plot.data import accuracy_curve, decision_map  # noqa: PLC0415 - Matplotlib takes its time

    if name == "decision_map":
        return decision_map(folder.decided)
    return folder.of_data and folder.steps is not None and accuracy_curve(folder.steps, folder.result)


# each gives a Figure, or nothing where there is nothing to draw it from, which `missing` then says already
PICTURES: dict[str, Callable[[Folder, ModuleType], Any]] = {
    "accuracy_curve": lambda folder, _plot: _of_data(folder, "accuracy_curve"),
    "decision_map": lambda folder, _plot: folder.decided and _of_data(folder, "decision_map"),
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


def _svg(figure: Any, prefix: str) -> Markup:
    """A picture as inline SVG: text as outlines, identifiers of its own, ink and paper from the page's style sheet."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - as in _sections

    for background in (figure.patch, *(axes.patch for axes in figure.axes)):
        background.set_visible(False)
    text = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font lacks are shown as boxes
        canvas.print_svg(text, metadata={"Date": None})  # savefig would draw twice
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    own = re.sub(r"\W", "-", prefix)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{own}-", svg)
    for colour, name in COLOURS.items():
        svg = svg.replace(colour, name)
    return Markup(svg)  # noqa: S704 - matplotlib's own, in which texts from files are outlines and comments are cut


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
        section.checks.append((what, _number(si, found), f"≥ {needed:g}", met))


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
        shown = [_number(si, v, unit) for v in value] if isinstance(value, list) else [_number(si, value, unit)]
        alike = shown[:1] if unit == "V" and len(set(shown)) == 1 else shown
        asked = folder.asked(path)
        written = json.dumps(asked, ensure_ascii=False) if isinstance(asked, dict | list) else str(asked)
        if asked is None:
            written = "default" if path else ""
        section.settings.append((what, ", ".join(alike) if value is not None else "", written))


def _device(section: Section, folder: Folder, si: Callable[[float, str], str]) -> None:
    if folder.graph is None:
        return
    nodes, about = folder.graph.nodes(data=True), folder.graph.graph
    section.family = str(about.get("family"))
    sites = sum(data.get("kind") == "site" for _, data in nodes)
    section.device = [("sites", str(sites)), ("links", str(folder.graph.number_of_edges()))]
    section.device += [(key, _number(si, v, UNITS.get(key, ""))) for key, v in about.get("parameters", {}).items()]
    for role in ("output", "input", "control", "ground"):
        named = sorted((data.get("order", 0), str(name)) for name, data in nodes if data.get("role") == role)
        if named:
            section.device.append((role, ", ".join(name for _, name in named)))


def _number(si: Callable[[float, str], str], value: Any, unit: str = "") -> str:
    """A number with its unit, a dash for none; anything else as it is."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float) or (isinstance(value, int) and not unit):
        return str(value)
    return si(value, unit) if unit or not np.isfinite(value) else f"{value:.3g}".replace("-", "−")


def _percent(value: Any) -> str:
    return f"{100 * value:.3g} %" if isinstance(value, int | float) and np.isfinite(value) else "–"

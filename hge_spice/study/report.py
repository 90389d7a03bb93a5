"""The report: what a run left on disk becomes one self-contained HTML file, whatever is missing from it."""

import io
import json
import logging
import re
import shlex
import tomllib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
from hge_spice.study.files import place
from hge_spice.study.ledger import read_ledger
from hge_spice.study.units import quantity
from hge_spice.tasks import TASKS
from hge_spice.traces import read_raw

FIRST, WORST, FAILED = 12, 3, 6  # trials with sections of their own, where there are more
# what a file that is cut short, edited or from another version makes its reader or a picture raise
DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, nx.NetworkXException)
T = TypeVar("T")


@dataclass
class Section:
    """One trial as the template shows it: a row of the table, and what its folder holds where it is shown in full."""

    id: str
    name: str
    row: dict[str, Any]
    result: dict[str, Any]
    shown: bool
    rerun: str
    missing: list[str] = field(default_factory=list)
    pictures: dict[str, Markup] = field(default_factory=dict)
    patterns: list[dict[str, Any]] = field(default_factory=list)
    checks: list[tuple[str, str, str, bool]] = field(default_factory=list)
    flags: list[tuple[str, str]] = field(default_factory=list)
    settings: list[tuple[str, str, str]] = field(default_factory=list)
    device: list[tuple[str, str]] = field(default_factory=list)
    family: str = ""
    worst: str = ""

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
    """What a trial's folder holds; None or empty where it is missing."""

    study: dict[str, Any]
    steps: pd.DataFrame | None
    comparison: dict[str, Any]
    graph: Any
    plots: list[Any]

    def asked(self, path: str) -> Any:
        """A key of the trial's study as written; None where it is left to its default."""
        found: Any = self.study
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return found

    @property
    def noise(self) -> float:
        """Standard deviation of one read-out, A, from what was recorded with it; 0 where nothing was."""
        if self.steps is not None:
            gap, ratio = self.steps["gap"].to_numpy(float), self.steps["d_prime"].to_numpy(float)
            usable = np.isfinite(ratio) & (ratio != 0)
            if usable.any():
                return float(gap[usable][-1] / ratio[usable][-1])
        return 0.0

    @property
    def labels(self) -> list[str]:
        """The patterns' inputs in words."""
        if self.comparison:
            return [", ".join(f"{v:g} V" for v in row).replace("-", "−") for row in self.comparison["inputs"]]
        return [title for title, _ in self.plots]


def write_report(directory: Path) -> Path:
    """Make directory/report.html from what is on disk, and return its path.

    Raises ValueError where the directory isn't a run's, OSError where it can't be written.
    """
    rows = read_ledger(directory)
    plot = _plotting()
    missing: list[str] = []
    text = ""
    study: dict[str, Any] = {}
    try:
        text = (directory / "study.toml").read_text(encoding="utf-8")
        study = tomllib.loads(text)
    except (OSError, ValueError) as error:
        missing.append(f"study.toml can't be read: {error}")
    chosen = _chosen(rows)
    with plot.outlined():
        sections = [_section(directory, row, study, plot, shown=row["id"] in chosen) for row in rows]
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
        swept=list(dict.fromkeys(key for row in rows for key in row["parameters"])),
        done=sum(row["status"] == "done" for row in rows),
        failed=sum(row["status"] == "failed" for row in rows),
        solved=sum(bool(row["result"].get("solved")) for row in rows),
        seconds=sum(row["seconds"] or 0.0 for row in rows),
        versions={name: v for row in rows for name, v in row["versions"].items()},
        bounds={"gap": GAP_OVER_SPAN, "contrast": CONTRAST, "d_prime": D_PRIME, "solver": SOLVER_FACTOR},
        limits={"first": FIRST, "worst": WORST, "failed": FAILED},
    )
    path, partly = directory / "report.html", directory / "report.html.part"
    partly.write_text(html, encoding="utf-8", errors="xmlcharrefreplace")
    partly.replace(path)
    return path


def _plotting() -> ModuleType:
    """hge_spice.plot, imported here since matplotlib takes its time, without a word about its font cache."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        from hge_spice import plot  # noqa: PLC0415 - see above
    finally:
        log.setLevel(level)
    return plot


def _chosen(rows: list[dict[str, Any]]) -> set[str]:
    """Trials with a section: all of a few; of many the first, those that came least close, and some that failed."""
    if len(rows) <= FIRST:
        return {row["id"] for row in rows}
    judged = [row for row in rows if isinstance(row["result"].get("gap_over_span"), int | float)]
    worst = sorted(judged, key=lambda row: row["result"]["gap_over_span"])[:WORST]
    failed = [row for row in rows if row["status"] == "failed"][:FAILED]
    return {row["id"] for row in (*rows[:FIRST], *worst, *failed)}


def _section(directory: Path, row: dict[str, Any], study: dict[str, Any], plot: ModuleType, *, shown: bool) -> Section:
    parameters = row["parameters"]
    sets = [
        f"--set {shlex.quote(f'{key}={json.dumps(value, ensure_ascii=False)}')}" for key, value in parameters.items()
    ]
    section = Section(
        id=row["id"],
        name=", ".join(f"{key} = {value}" for key, value in parameters.items()) or "the trial",
        row=row,
        result=row["result"],
        shown=shown,
        rerun=" ".join(["hge-spice run", shlex.quote(str(directory / "study.toml")), *sets]),
    )
    if not shown or row["status"] == "created":
        return section
    folder = _read(section, directory / "trials" / Path(row["id"]).name, study)
    for name, draw in _pictures(section, folder, plot):
        drawn = section.attempt(f"picture {name}", partial(_svg, draw, f"{row['id']}-{name}"))
        if drawn is not None:
            section.pictures[name] = drawn
    section.attempt("truth table", lambda: _judge(section, folder, plot.si))
    section.attempt("settings", lambda: _settings(section, folder, plot.si))
    counts = {name: _steps(count) for name, count in section.result.get("flags", {}).items()}
    for name in folder.comparison.get("flags", []):
        counts[name] = ", ".join([*filter(None, [counts.get(name)]), "the comparison with the truth"])
    section.flags = list(counts.items())
    return section


def _read(section: Section, folder: Path, study: dict[str, Any]) -> Folder:
    def own_study() -> dict[str, Any]:
        text = study
        for key, value in section.row["parameters"].items():
            text = place(text, tuple(key.split(".")), value)
        return text

    def graph() -> Any:
        return nx.node_link_graph(json.loads((folder / "graph.json").read_text(encoding="utf-8")), edges="edges")

    def comparison() -> dict[str, Any]:
        return dict(json.loads((folder / "gradient.json").read_text(encoding="utf-8")))

    def steps() -> pd.DataFrame:
        found = pd.read_parquet(folder / "steps.parquet")
        if found.empty:
            raise ValueError("it has no rows")
        return found

    return Folder(
        study=section.attempt("the trial's study", own_study) or {},
        steps=section.attempt("steps.parquet (loss and control curves)", steps),
        comparison=section.attempt("gradient.json (gradient against truth)", comparison) or {},
        graph=section.attempt("graph.json (the network)", graph),
        plots=section.attempt("waveform.raw (spectrum)", lambda: read_raw(folder / "waveform.raw")) or [],
    )


def _outcome(section: Section, folder: Folder) -> tuple[list[float], list[float]]:
    """Outputs and classes of the patterns: the result's, or those after the last step."""
    outputs, classes = section.result.get("outputs"), section.result.get("classes")
    if outputs is None and folder.steps is not None:
        last = folder.steps.iloc[-1]
        outputs = [float(last[c]) for c in folder.steps.columns if c.startswith("output.")]
    if classes is None and folder.asked("task.name") in TASKS:
        classes = TASKS[folder.asked("task.name")].classes.tolist()
    return outputs or [], classes or []


def _pictures(section: Section, folder: Folder, plot: ModuleType) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every picture that there is something to draw for, by name; drawn when called."""
    steps, comparison = folder.steps, folder.comparison
    outputs, classes = _outcome(section, folder)
    if outputs and classes:
        labels = folder.labels or [f"pattern {p}" for p in range(len(outputs))]
        yield "truth_table", lambda: plot.truth_table(outputs, classes, labels, folder.noise)
    if steps is not None:
        yield "loss_curves", lambda: plot.loss_curves(steps)
        asked = folder.asked("electrodes.control_range")
        reach = (
            section.attempt("control range", lambda: tuple(quantity(v, "voltage") for v in asked)) if asked else None
        )
        yield "control_curves", lambda: plot.control_curves(steps, reach)
    if comparison:
        yield "gradient_against_truth", lambda: plot.gradient_against_truth(comparison)
    if comparison and folder.plots:
        worst = int(np.nanargmax(comparison["relative_error"]))
        section.worst, vectors = folder.labels[worst], folder.plots[worst][1]
        yield (
            "spectrum",
            lambda: plot.spectrum(
                vectors["time"],
                vectors["i(output)"],
                harmonics=comparison["harmonics"],
                names=comparison["controls"],
                window=comparison["window"],
                points=comparison["points"],
                noise=np.sqrt(2) * folder.noise,  # variance S/T of a tone's amplitude against S/(2T) of a mean
            ),
        )
    if folder.graph is not None:
        voltages = dict(zip(comparison.get("controls", []), comparison.get("control", []), strict=True))
        yield "network", lambda: plot.network(folder.graph, voltages)


def _svg(draw: Callable[[], Any], prefix: str) -> Markup:
    """A picture as inline SVG: text as outlines, identifiers of its own, ink and paper from the page's style sheet."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - as in _plotting

    text = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font lacks are shown as boxes
        figure = draw()
        for background in (figure.patch, *(axes.patch for axes in figure.axes)):
            background.set_visible(False)
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(text, metadata={"Date": None})  # savefig would draw twice
    svg = text.getvalue()
    svg = re.sub(
        r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL
    )
    safe = re.sub(r"\W", "-", prefix)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{safe}-", svg)
    svg = svg.replace("#000000", "currentColor").replace("#ffffff", "var(--paper)")
    return Markup(svg)  # noqa: S704 - matplotlib's own, in which texts from files are outlines and comments are cut


def _judge(section: Section, folder: Folder, si: Callable[[float, str], str]) -> None:
    """The truth table with margins, and every condition of `solved` with its numbers."""
    outputs, classes = (np.array(values, dtype=float) for values in _outcome(section, folder))
    if not len(outputs) or len(outputs) != len(classes) or len(set(classes.tolist())) < 2:
        return
    threshold = 0.5 * (outputs[classes > 0.5].min() + outputs[classes <= 0.5].max())
    labels = folder.labels or [f"pattern {p}" for p in range(len(outputs))]
    for label, output, level in zip(labels, outputs.tolist(), classes.tolist(), strict=True):
        margin = (output - threshold) * (1 if level > 0.5 else -1)
        sigmas = f"{margin / folder.noise:+.1f} σ" if folder.noise > 0 else "–"
        row = {"inputs": label, "class": f"{level:g}", "output": si(output, "A"), "margin": si(margin, "A")}
        section.patterns.append({**row, "sigmas": sigmas, "right": margin > 0})
    last: Any = section.result or (folder.steps.iloc[-1] if folder.steps is not None else {})
    ratio, contrast, d_prime = (last.get(key) for key in ("gap_over_span", "contrast", "d_prime"))
    infinite = d_prime is None and last["gap"] > 0
    shown = partial(_number, si)
    section.checks = [
        ("gap / span", shown(ratio), f"≥ {GAP_OVER_SPAN:g}", ratio >= GAP_OVER_SPAN),
        ("contrast: span / largest |output|", shown(contrast), f"≥ {CONTRAST:g}", contrast >= CONTRAST),
        (
            f"d′: gap / σ, σ = {si(folder.noise, 'A')}",
            "∞" if infinite else shown(d_prime),
            f"≥ {D_PRIME:g}",
            infinite or (d_prime is not None and d_prime >= D_PRIME),
        ),
    ]


def _settings(section: Section, folder: Folder, si: Callable[[float, str], str]) -> None:
    """Settings as used, beside what the study asks for; and the device."""
    used = folder.comparison | section.result
    window = used.get("window")
    amplitude = [si(a, "V") for a in used.get("amplitude", [])]
    alike = amplitude[:1] if len(set(amplitude)) == 1 else amplitude
    harmonics = used.get("harmonics", [])
    rows = [
        ("tone amplitude, peak", ", ".join(alike), "perturbation.amplitude"),
        ("window", si(window, "s") if window else "", "perturbation.window"),
        ("points per window", str(used.get("points", "")), "perturbation.points"),
        ("dead time before a window", si(used["settle"], "s") if "settle" in used else "", "perturbation.settle"),
        ("tones, harmonics of 1/window", ", ".join(map(str, harmonics)), "perturbation.tones"),
        ("electrodes of the tones", ", ".join(map(str, used.get("controls", []))), "electrodes.controls"),
        ("tone frequencies", ", ".join(si(h / window, "Hz") for h in harmonics) if window else "", ""),
        ("control setting reached", ", ".join(si(v, "V") for v in used.get("control", [])), "electrodes.control_range"),
        ("σ of a read-out of one window", si(folder.noise, "A") if folder.noise else "", "readout.noise"),
        *((key.partition(".")[2], "", key) for key in _TRAINING),
    ]
    for what, value, key in rows:
        asked = folder.asked(key) if key else None
        written = json.dumps(asked, ensure_ascii=False) if isinstance(asked, dict | list) else str(asked)
        section.settings.append((what, value, ("default" if key else "") if asked is None else written))
    if folder.graph is not None:
        section.family = str(folder.graph.graph.get("family"))
        nodes = folder.graph.nodes(data=True)
        section.device = [
            ("sites", str(sum(data.get("kind") == "site" for _, data in nodes))),
            ("links", str(folder.graph.number_of_edges())),
            *((key, _number(si, v, _UNITS.get(key, ""))) for key, v in folder.graph.graph["parameters"].items()),
        ]
        for role in ("output", "input", "control", "ground"):
            named = [(data.get("order", 0), str(name)) for name, data in nodes if data.get("role") == role]
            if named:
                section.device.append((role, ", ".join(name for _, name in sorted(named))))


_TRAINING = tuple(f"training.{key}" for key in ("estimator", "loss", "rule", "rate", "steps", "starts", "seed"))
_UNITS = {"radius": "m", "localisation": "m", "temperature": "K", "attempt_rate": "Hz"}


def _number(si: Callable[[float, str], str], value: Any, unit: str = "") -> str:
    """A number with its unit, a dash for none; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return str(value)
    if value is None:
        return "–"
    return si(value, unit) if unit else f"{value:.3g}".replace("-", "−")


def _percent(value: Any) -> str:
    return f"{100 * value:.3g} %" if isinstance(value, int | float) else "–"


def _steps(count: Any) -> str:
    return "1 step" if count == 1 else f"{count} steps"

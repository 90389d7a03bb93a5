"""The report: what a run left on disk becomes one self-contained HTML file, whatever is missing from it."""

import logging
import shlex
import tomllib
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from jinja2 import Environment, FileSystemLoader

from hge_spice.margin import CONTRAST, D_PRIME, GAP_OVER_SPAN, SOLVER_FACTOR
from hge_spice.study.judge.flags import MEANINGS
from hge_spice.study.judge.functional import explained, write_functional_yield
from hge_spice.study.judge.holding import exactly, held, remedies
from hge_spice.study.judge.statistics import passes
from hge_spice.study.judge.unsolved import NEXT, REASONS
from hge_spice.study.report.overview import budget_parts, overview, signoff_parts, sweep_parts
from hge_spice.study.report.pages import MOST_PAGES
from hge_spice.study.report.pictures import saving
from hge_spice.study.report.section import Section, number, percent, section_of
from hge_spice.study.report.side_by_side import curve_parts, gate_parts, spacing_parts
from hge_spice.study.report.svg import Draw, svg
from hge_spice.study.report.trial_folder import DAMAGE
from hge_spice.study.run.ledger import read_ledger
from hge_spice.study.tables.metrics import read_specs

FIRST = 12  # trials up to which each has a section in full; of more, pages are drawn by the report's script
HOLDS = ("holds_in_exact_model", "in the exact model")
COLUMNS = (  # of the table of trials, after swept keys, trial and status
    ("starts", "starts"),
    ("steps", "steps"),
    ("extractions", "extractions"),
    ("loss", "loss"),
    ("gap", "gap"),
    ("gap_over_span", "gap / span"),
    ("contrast", "contrast"),
    ("d_prime", "d′"),
    HOLDS,
    ("relative_error_max", "gradient error"),
    ("simulated_seconds", "simulated"),
    ("energy_joule", "energy"),
    ("seconds", "computing"),
)


def write_report(directory: Path, pictures: Path | None = None, ending: str = "png") -> Path:
    """Make directory/report.html from what is on disk, and return its path.

    pictures : a new directory for its pictures, each as a file too, with that ending: png, svg or pdf

    Raises ValueError where the directory isn't a run's, OSError where it can't be written.
    """
    rows = read_ledger(directory)
    draw = svg if pictures is None else saving(pictures, ending, [row["id"] for row in rows])
    missing: list[str] = []
    text, study = "", {}
    try:
        text = (directory / "study.toml").read_text(encoding="utf-8")
        study = tomllib.loads(text)
    except (OSError, ValueError) as error:
        missing.append(f"study.toml can't be read: {error}")
    try:
        specs = read_specs(study.get("specs", {}))
    except DAMAGE:
        specs = {}
    sections, plot = _sections(directory, rows, study, draw)
    exact = any("holds_in_exact_model" in row["result"] for row in rows)
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    templates.filters |= {"si": partial(number, plot.si), "percent": percent, "exactly": exactly, "remedies": remedies}
    html = templates.get_template("report.html.j2").render(
        title=str(study.get("title") or directory.resolve().name),
        notes=study.get("notes"),
        screened=isinstance(study.get("electrodes"), dict) and study["electrodes"].get("roles") == "screen",
        directory=str(directory),
        rerun=f"hge-spice run {shlex.quote(str(directory / 'study.toml'))}",
        study=text,
        missing=missing,
        sections=sections,
        overviews=overview(directory, rows, draw),
        columns=[each for each in COLUMNS if exact or each is not HOLDS],
        held=held(row["result"] for row in rows),
        meanings=MEANINGS,
        reasons=REASONS,
        remedies=NEXT,
        swept=list(dict.fromkeys(key for row in rows for key in row["parameters"])),
        done=sum(row["status"] == "done" for row in rows),
        failed=sum(row["status"] == "failed" for row in rows),
        met={row["id"] for row in rows if passes(row, specs)},
        specs=specs,
        seconds=sum(row["seconds"] or 0.0 for row in rows),
        versions={name: version for row in rows for name, version in row["versions"].items()},
        bounds={"gap": GAP_OVER_SPAN, "contrast": CONTRAST, "d_prime": D_PRIME, "solver": SOLVER_FACTOR},
        limits={"first": FIRST, "pages": MOST_PAGES},
        **budget_parts(directory, rows, plot, draw),
        **signoff_parts(directory, rows, study, draw),
        **curve_parts(directory, rows, study, draw),
        **gate_parts(directory, rows, draw),
        **spacing_parts(directory, rows),
        functional=(functional := write_functional_yield(rows, directory)),
        unsolved=explained(functional),
        **(sweep_parts(directory, rows, study, plot) if len(rows) > 1 else {}),
    )
    path, partly = directory / "report.html", directory / "report.html.part"
    partly.write_text(html, encoding="utf-8", errors="xmlcharrefreplace")
    partly.replace(path)
    return path


def _sections(
    directory: Path, rows: list[dict[str, Any]], study: dict[str, Any], draw: Draw
) -> tuple[list[Section], ModuleType]:
    """Every trial, and the module that draws. Matplotlib is imported here, since it takes its time."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)  # not a word about its font cache
    try:
        from hge_spice import plot  # noqa: PLC0415 - see above
    finally:
        log.setLevel(level)
    shown = len(rows) <= FIRST
    return [section_of(directory, row, study, plot, draw, shown=shown) for row in rows], plot

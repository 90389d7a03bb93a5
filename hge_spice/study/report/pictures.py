"""The pictures of a report as files of their own, for pages, slides and papers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from hge_spice.study.report.svg import Draw, svg

ENDINGS = ("png", "svg", "pdf")
DPI = 120  # 1080 px across


def saving(folder: Path, ending: str, trials: Sequence[str]) -> Draw:
    """A `Draw` that saves each figure as folder/NAME.ending as well; of a run of one trial without its id.

    trials : ids of the run's

    Raises ValueError for another ending, or where the folder has files already.
    """
    if ending not in ENDINGS:
        raise ValueError(f"pictures can't be saved as {ending!r}; take {', '.join(ENDINGS)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists and isn't an empty directory; name another for the pictures")
    folder.mkdir(parents=True, exist_ok=True)
    own = f"{trials[0]}-" if len(trials) == 1 else ""

    def draw(figure: Any, name: str) -> Markup:
        figure.savefig(folder / f"{name.removeprefix(own)}.{ending}", dpi=DPI)
        return svg(figure, name)

    return draw

"""Where the studies and netlists that ship are: the package's own data, or the top of a checkout."""

from pathlib import Path
from typing import Literal


def shipped(kind: Literal["studies", "netlists"]) -> Path:
    """The folder of the study files, or of the `.lib` files of our elements, that came with this copy of hge_spice.

    pyproject.toml maps the top-level folders to `data/` in the wheel; an editable install reads them where they lie.
    """
    here = Path(__file__).parent
    installed = here / "data" / kind
    return installed if installed.is_dir() else here.parent / kind

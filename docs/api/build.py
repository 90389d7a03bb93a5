"""Write the API pages, by pdoc from the docstrings: python docs/api/build.py DIRECTORY."""

import sys
import warnings
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pdoc

import hge_spice


def build(folder: Path) -> None:
    """The public names on a page, and a page for every module, into a folder."""
    for name in hge_spice.__all__:  # imported when first asked for, which pdoc doesn't
        getattr(hge_spice, name)
    pdoc.render.configure(template_directory=Path(__file__).parent, docformat="markdown", show_source=False)
    warnings.filterwarnings("ignore", message=r".*nx\.Graph\[Any\]")  # generic to type checkers alone
    warnings.filterwarnings("ignore", message="The module specification")  # functions named as their modules are
    warnings.filterwarnings("ignore", message="Couldn't import hge_spice.benchmarks.peers")
    # the peers' programs import what isn't ours and may be absent
    pdoc.pdoc("hge_spice", *_modules(), r"!hge_spice\.benchmarks\.peers\..*", output_directory=folder)


def _modules() -> list[str]:
    """Those that pdoc doesn't come to by itself: where a package says what is public, it stops there."""
    names = (each.name for each in walk_packages(hge_spice.__path__, "hge_spice.") if ".peers." not in each.name)
    return [name for name in names if hasattr(import_module(name.rpartition(".")[0]), "__all__")]


if __name__ == "__main__":
    build(Path(sys.argv[1]))

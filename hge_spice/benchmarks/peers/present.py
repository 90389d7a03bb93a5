"""Which peers are there, and what to do about one that isn't."""

import importlib.util
import shutil

INSTALL = "pip install 'hge-spice[peers]'"
# badcrossbar asks for pycairo too, which is built from cairo's headers; that is for its drawings alone
WITHOUT_DRAWINGS = "pip install --no-deps badcrossbar pathvalidate"
NEEDS = {
    "hge": (("hge_spice",), ""),
    "pyspice_loop": (("PySpice",), INSTALL),
    "spicelib_runs": (("spicelib",), INSTALL),
    "neospice_adjoint": (("neospice",), INSTALL),
    "badcrossbar_currents": (("badcrossbar", "pathvalidate"), WITHOUT_DRAWINGS),
}


def missing(module: str) -> str | None:
    """Why a peer can't take part, or None where it can."""
    packages, remedy = NEEDS[module]
    for package in packages:
        if importlib.util.find_spec(package) is None:
            return f"{package} isn't installed: {remedy}"
    if module == "spicelib_runs" and shutil.which("ngspice") is None:
        return "spicelib runs the ngspice command, which isn't on the path: install it (Debian's package is ngspice)"
    return None

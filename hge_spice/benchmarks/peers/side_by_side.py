"""What `bench peers` answers: all comparisons, and how much faster or slower each peer is."""

from collections.abc import Mapping
from typing import Any

import psutil

from hge_spice.benchmarks.peers.adjoint import against_adjoint
from hge_spice.benchmarks.peers.crossbar import against_badcrossbar
from hge_spice.benchmarks.peers.matched import ASKED, at_equal_error
from hge_spice.benchmarks.peers.multiplexed import at_equal_time

TIGHT = f"{min(ASKED):g}"


def peers() -> dict[str, Any]:
    """Everything measured. `ratio`: our time over the plain PySpice loop's at the tightest error, worst circuit.

    faster : their time over ours, by peer and circuit; tones stand against tones, what needs none against the same
    """
    gradients = at_equal_error()
    faster = {
        method: {circuit: _faster(sides, method) for circuit, sides in gradients["circuits"].items() if method in sides}
        for method in dict.fromkeys(method for sides in gradients["circuits"].values() for method in sides)
        if not method.startswith("hge.")
    }
    plain = [each for each in faster["pyspice_loop.lock_in"].values() if each is not None]
    return {
        "ratio": 1 / min(plain),
        "reference": f"a plain PySpice loop with a lock-in in NumPy, at a gradient error of {TIGHT}, worst circuit",
        "cores": {"ours": 1, "reference": 1, "machine": psutil.cpu_count()},
        "faster": faster,
        **gradients,
        "against_adjoint": against_adjoint(),
        "against_badcrossbar": against_badcrossbar(),
        "at_equal_simulated_time": at_equal_time(),
    }


def _faster(sides: Mapping[str, Any], method: str) -> float | None:
    """Their time over ours for the same kind of gradient at the tightest error, unless one doesn't get there."""
    own = "hge.without_tones" if method.endswith("without_tones") else "hge.lock_in"
    theirs, ours = sides[method].get(TIGHT), sides[own].get(TIGHT)
    if theirs is None or ours is None:
        return None
    return float(theirs["seconds"] / ours["seconds"])

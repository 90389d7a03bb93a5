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

    faster : their time over ours there, by peer and circuit; tones against tones, what needs none against the same
    faster_at : the same at every error asked for
    """
    gradients = at_equal_error()
    faster_at = {f"{asked:g}": _faster(gradients["circuits"], f"{asked:g}") for asked in ASKED}
    faster = faster_at[TIGHT]
    plain = [each for each in faster["pyspice_loop.lock_in"].values() if each is not None]
    return {
        "ratio": 1 / min(plain),
        "reference": f"a plain PySpice loop with a lock-in in NumPy, at a gradient error of {TIGHT}, worst circuit",
        "cores": {"ours": 1, "reference": 1, "machine": psutil.cpu_count()},
        "faster": faster,
        "faster_at": faster_at,
        **gradients,
        "against_adjoint": against_adjoint(),
        "against_badcrossbar": against_badcrossbar(),
        "at_equal_simulated_time": at_equal_time(),
    }


def _faster(circuits: Mapping[str, Any], asked: str) -> dict[str, dict[str, float | None]]:
    """By peer's method and circuit; see _times_faster."""
    methods = dict.fromkeys(method for sides in circuits.values() for method in sides if not method.startswith("hge."))
    return {
        method: {name: _times_faster(sides, method, asked) for name, sides in circuits.items() if method in sides}
        for method in methods
    }


def _times_faster(sides: Mapping[str, Any], method: str, asked: str) -> float | None:
    """Their time over ours for the same kind of gradient at the error asked for, unless one doesn't get there."""
    own = "hge.without_tones" if method.endswith("without_tones") else "hge.lock_in"
    theirs, ours = sides[method].get(asked), sides[own].get(asked)
    if theirs is None or ours is None:
        return None
    return float(theirs["seconds"] / ours["seconds"])

"""Benchmarks, one file each: a ratio of our time over a reference's, measured in one run."""

from collections.abc import Callable
from typing import Any

from hge_spice.benchmarks.learning import learning
from hge_spice.benchmarks.materia import materia
from hge_spice.benchmarks.naive import naive
from hge_spice.benchmarks.overhead import overhead
from hge_spice.benchmarks.peers.side_by_side import peers
from hge_spice.benchmarks.pool import pool
from hge_spice.benchmarks.quasistatic import quasistatic
from hge_spice.benchmarks.scale import scale
from hge_spice.benchmarks.sequence import sequence
from hge_spice.benchmarks.signoff import signoff
from hge_spice.benchmarks.sweep import sweep, trials
from hge_spice.benchmarks.tables import tables

BENCHMARKS: dict[str, Callable[[], dict[str, Any]]] = {
    "overhead": overhead,
    "pool": pool,
    "naive": naive,
    "quasistatic": quasistatic,
    "learning": learning,
    "tables": tables,
    "scale": scale,
    "sequence": sequence,
    "sweep": sweep,
    "trials": trials,
    "materia": materia,
    "signoff": signoff,
    "peers": peers,
}

"""Stray coupling at the electrodes: from every driven one to the output, and between driven ones.

They are elements of the netlist, in parallel to the network. To the output, ωC in quadrature and G in phase add to
every derivative, and `.ac` knows of both, since a control moves the output through them as through the network. Between
electrodes they act where these have `source_resistance`: an ideal source holds its electrode whatever couples to it.

`between` and `between_conductance` are one value for every pair, or a symmetric matrix with a row for each driven
electrode, in the order controls, inputs, inverted inputs, supplies.
"""

from typing import Any

import numpy as np

from hge_spice.graph import Network
from hge_spice.imperfections.imperfection import Effect, Imperfection, Setting, Settings
from hge_spice.imperfections.wiring import wired
from hge_spice.netlist import driven


def _make(settings: Settings) -> Effect:
    to_output = {
        "output_capacitance": float(settings["capacitance"]),
        "output_conductance": float(settings["conductance"]),
    }
    between = {
        "between_capacitance": _matrix("between", settings["between"]),
        "between_conductance": _matrix("between_conductance", settings["between_conductance"]),
    }

    def graph(network: Network, _: np.random.Generator) -> Network:
        names = list(driven(network))
        pairs = {key: _pairs(key, matrix, names) for key, matrix in between.items()}
        return wired(network, {**to_output, **pairs})

    return Effect(graph=graph)


def _matrix(key: str, given: Any) -> np.ndarray:
    """One value, or a matrix [electrode, electrode]. Raises ValueError for one that couples no two ways alike."""
    if not isinstance(given, tuple):
        return np.array(float(given))
    if len({len(row) for row in given}) != 1 or len(given) != len(given[0]):
        raise ValueError(f"{key} has {len(given)} rows of {len(given[0])}; a matrix of coupling is square")
    matrix = np.array(given, dtype=np.float64)
    if np.any(matrix < 0) or np.any(np.diag(matrix)) or not np.array_equal(matrix, matrix.T):
        raise ValueError(f"{key} must be symmetric, with zeros on its diagonal and nothing below zero")
    return matrix


def _pairs(key: str, matrix: np.ndarray, names: list[str]) -> tuple[tuple[str, str, float], ...]:
    """Every pair that couples, each once."""
    if matrix.ndim and len(matrix) != len(names):
        raise ValueError(
            f"{key} has {len(matrix)} rows; the network has {len(names)} driven electrodes: {', '.join(names)}"
        )
    full = np.broadcast_to(matrix, (len(names), len(names)))
    return tuple(
        (a, b, float(full[i, j])) for i, a in enumerate(names) for j, b in enumerate(names) if i < j and full[i, j]
    )


IMPERFECTION = Imperfection(
    settings={
        "capacitance": Setting("capacitance", default=0.0, least=0, about="From every driven electrode to the output."),
        "conductance": Setting("conductance", default=0.0, least=0, about="From every driven electrode to the output."),
        "between": Setting(
            "capacitance",
            default=0.0,
            least=0,
            columns=("capacitance",),
            about="Of every pair of driven electrodes; or a symmetric matrix: controls, inputs, their inverses, bias.",
        ),
        "between_conductance": Setting(
            "conductance", default=0.0, least=0, columns=("conductance",), about="The same of leakage between them."
        ),
    },
    make=_make,
    neutral={},
    example={"capacitance": "1 fF", "conductance": "10 pS", "between": "5 pF"},
    summary="stray capacitance and leakage from driven electrodes to the output, and between them",
)

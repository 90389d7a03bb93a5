"""Regular networks: a grid, a 3-D mesh, and a crossbar with line resistance and selectors."""

import networkx as nx
import numpy as np

from hge_spice.graph.network import Network
from hge_spice.graph.placement import place_electrodes

PITCH = 1e-6  # m; positions are for the pictures
SLANT = (0.31, 0.17)  # by which a layer of a mesh is drawn shifted, of a pitch


def grid(
    *, rows: int = 6, columns: int = 6, electrodes: int = 8, placement: str = "rim", rng: np.random.Generator
) -> Network:
    """Square lattice of rows and columns, each node linked to its four neighbours."""
    return mesh(rows=rows, columns=columns, layers=1, electrodes=electrodes, placement=placement, rng=rng)


def mesh(
    *,
    rows: int = 4,
    columns: int = 4,
    layers: int = 4,
    electrodes: int = 8,
    placement: str = "rim",
    rng: np.random.Generator,
) -> Network:
    """Cubic lattice of rows, columns and layers, each node linked to its six neighbours.

    Raises ValueError for a count below one, and electrodes that don't fit.
    """
    shape = {"rows": rows, "columns": columns, "layers": layers}
    for name, count in shape.items():
        if count < 1:
            raise ValueError(f"{count} {name}; a lattice needs at least 1")
    graph: Network = nx.Graph()
    places = list(np.ndindex(layers, rows, columns))
    for z, y, x in places:
        at = (x + SLANT[0] * z, y + SLANT[1] * z)
        graph.add_node(f"n{z}_{y}_{x}", kind="node", x=at[0] * PITCH, y=-at[1] * PITCH)
    for z, y, x in places:
        for dz, dy, dx in ((0, 0, 1), (0, 1, 0), (1, 0, 0)):
            there = (z + dz, y + dy, x + dx)
            if there[0] < layers and there[1] < rows and there[2] < columns:
                graph.add_edge(f"n{z}_{y}_{x}", "n{}_{}_{}".format(*there))
    return place_electrodes(graph, electrodes, placement, rng)


def crossbar(
    *,
    rows: int = 4,
    columns: int = 4,
    line_resistance: float = 0.0,
    selector: str | None = None,
    selector_parameters: dict[str, float] | None = None,
) -> Network:
    """Rows crossing columns, a device at each crossing; lines with resistance, and a selector in series on request.

    line_resistance : ohm, of a line's piece from one crossing to the next, and from the electrode to the first
    selector : family of the element in series with each device; selector_parameters : its own

    Row i ends in electrode r<i>, column j in c<j>. Without line resistance each line is its electrode. Row lines carry
    nodes r<i>_<j>, column lines c<i>_<j>; the electrodes stand left of the rows and below the columns.
    Raises ValueError for a count below one and a negative resistance.
    """
    for name, count in (("rows", rows), ("columns", columns)):
        if count < 1:
            raise ValueError(f"{count} {name}; a crossbar needs at least 1")
    if not (np.isfinite(line_resistance) and line_resistance >= 0):
        raise ValueError(f"line_resistance is {line_resistance!r} ohm; it must not be negative")
    graph: Network = nx.Graph()
    for i in range(rows):
        graph.add_node(f"r{i}", kind="electrode", role=None, x=-PITCH, y=-i * PITCH)
    for j in range(columns):
        graph.add_node(f"c{j}", kind="electrode", role=None, x=(j + 0.3) * PITCH, y=-(rows + 0.3) * PITCH)
    lines = [
        _add_lines(graph, i, j, line_resistance, last_row=i == rows - 1) if line_resistance else (f"r{i}", f"c{j}")
        for i, j in np.ndindex(rows, columns)
    ]
    for (i, j), (row, column) in zip(np.ndindex(rows, columns), lines, strict=True):
        end = column
        if selector is not None:
            end = f"s{i}_{j}"
            graph.add_node(end, kind="node", x=(j + 0.15) * PITCH, y=-(i + 0.15) * PITCH)
            own = dict(selector_parameters or {})
            graph.add_edge(end, column, source=end, family=selector, parameters=own)
        graph.add_edge(row, end, source=row)
    return graph


def _add_lines(graph: Network, i: int, j: int, resistance: float, *, last_row: bool) -> tuple[str, str]:
    """Add the pieces of line that end at a crossing, towards the electrodes; gives the crossing's two nodes."""
    row, column = f"r{i}_{j}", f"c{i}_{j}"
    graph.add_node(row, kind="node", x=j * PITCH, y=-i * PITCH)
    graph.add_node(column, kind="node", x=(j + 0.3) * PITCH, y=-(i + 0.3) * PITCH)
    for end, before in ((row, f"r{i}_{j - 1}" if j else f"r{i}"), (column, f"c{j}" if last_row else f"c{i + 1}_{j}")):
        if before not in graph:  # of the next row, whose own turn comes
            graph.add_node(before, kind="node")
        graph.add_edge(before, end, family="resistor", parameters={"resistance": resistance})
    return row, column

"""A mesh of diodes, as large as one likes: the circuit that benchmarks grow."""

from hge_spice.devices.subcircuit import block
from hge_spice.graph import Network, assign_roles


def mesh(side: int, controls: int = 5, *, diagonals: bool = False) -> Network:
    """Square mesh of side·(side + 1) nodes joined by antiparallel diodes, each node leaky to ground.

    Pins, an output, two inputs and the controls, are spread evenly over the nodes. Without diagonals there are about
    twice as many links as nodes, with them about four times as many.
    """
    node = {(i, j): f"n{i}_{j}" for i in range(side) for j in range(side + 1)}
    steps = ((1, 0), (0, 1), (1, 1), (1, -1)) if diagonals else ((1, 0), (0, 1))
    lines = [".model d d(is=1n n=2 tnom=27)"]
    for (i, j), name in node.items():
        lines.append(f"r{i}_{j} {name} 0 1t")
        for neighbour in ((i + di, j + dj) for di, dj in steps):
            if neighbour in node:
                edge = f"{i}_{j}_{neighbour[0]}_{neighbour[1]}"
                lines += [f"da{edge} {name} {node[neighbour]} d", f"db{edge} {node[neighbour]} {name} d"]
    pins = [f"e{k}" for k in range(controls + 3)]
    names = list(node.values())
    lines += [f"rp{k} {pin} {names[k * len(names) // len(pins)]} 1k" for k, pin in enumerate(pins)]
    text = "\n".join([f".subckt mesh {' '.join(pins)}", *lines, ".ends"])
    graph = block(text=text, name="mesh", pins=pins)
    return assign_roles(graph, output="e0", inputs=["e1", "e2"], controls=pins[3:])

"""What may import, open and start what, read from the source (design.md); what isn't there yet keeps the rules."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "hge_spice"
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"), path) for path in PACKAGE.rglob("*.py")
}

ORDERS = (  # highest first: nothing reaches what stands before it
    ({"cli"}, {"study"}, {"train"}, {"gradient"}, {"lockin", "drive", "loss", "update"}),
    ({"ngspice"}, {"netlist"}, {"devices", "graph"}),
    ({"ngspice", "netlist"}, {"train", "gradient", "lockin", "drive", "loss", "update"}),  # these know no SPICE
)
PLOTTERS = ("plot/", "study/report.py", "study/overview.py", "study/svg.py")
IMPORTERS = {
    "PySpice": ("netlist/", "devices/", "ngspice/", "benchmarks/peers/pyspice_loop.py"),
    "matplotlib": PLOTTERS,
    "schemdraw": PLOTTERS,
    "plotly": PLOTTERS,
}
BENCHMARKS = ("benchmarks/materia.py", "benchmarks/peers/")  # they write decks to run
OPENERS = ("ngspice/", "study/", "traces/", "graph/read.py", *BENCHMARKS)
OPENING = {"open", "read_text", "read_bytes", "write_text", "write_bytes"}
SEEDED = {"default_rng", "Generator", "SeedSequence", "PCG64", "Philox"}


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno} imports relatively; write the full name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_imports_run_downwards_only():
    graph: dict[str, set[str]] = {}
    for file in TREES.keys() - {"__init__.py"}:  # which gathers the public names of all
        unit = Path(file).parts[0].removesuffix(".py")
        ours = {name.split(".")[1] for name in imports(TREES[file]) if name.startswith("hge_spice.")}
        graph[unit] = graph.get(unit, set()) | ours - {unit}
    reached: dict[str, set[str]] = {}
    for unit in TopologicalSorter(graph).static_order():  # a CycleError names the circle
        reached[unit] = graph.get(unit, set()).union(*(reached[each] for each in graph.get(unit, ())))
    for order in ORDERS:
        for rank, units in enumerate(order):
            upwards = {unit: reached[unit] & set().union(*order[:rank]) for unit in units & reached.keys()}
            assert not any(upwards.values()), f"imports run downwards only: {upwards}"


@pytest.mark.parametrize("file", sorted(TREES))
def test_libraries_files_and_randomness_stay_where_they_belong(file):
    tree = TREES[file]
    for name in imports(tree):
        homes = IMPORTERS.get(name.split(".", 1)[0], "")
        assert file.startswith(homes), f"{file} imports {name}; only {homes} may"
    for name, call in calls(tree):
        *module, function = name.rsplit(".", 1)
        where = f"{file}:{call.lineno} {name}"
        assert function not in OPENING or file.startswith(OPENERS), f"{where}: files are opened only in {OPENERS}"
        if module in (["np.random"], ["numpy.random"]):
            assert function in SEEDED, f"{where} has hidden state; take an rng"
            assert call.args or call.keywords, f"{where} is unseeded; take an rng"
    for statement in tree.body:  # those that run at import; a bare `if` is for __main__ or TYPE_CHECKING
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.If):
            bare = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            acts = bare or any(".random." in name for name, _ in calls(statement))
            assert not acts, f"{file}:{statement.lineno} does something at import"

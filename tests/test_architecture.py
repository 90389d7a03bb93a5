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


# Modules that no test file is named after or imports: seen through those they serve, in the file of that name
SEEN_THROUGH = {
    "closing": "pool",
    "devices/": "elements",  # each of them, by the same rules
    "netlist/analysis": "device",
    "netlist/rails": "device",
    "ngspice/decks": "device",
    "ngspice/flags": "device",
    "ngspice/log": "faults",
    "ngspice/waveforms": "device",
    "planner/exchange": "tones",
    "study/at_corner": "signoff",
    "study/beside": "spec",
    "study/catalogue": "cli",
    "study/circuit_result": "circuit",
    "study/corners": "signoff",
    "study/generalise": "data_studies",
    "study/in_circuit": "circuit",
    "study/learned": "trial",
    "study/measurement": "spec",
    "study/misfits": "spec",
    "study/overview": "report",
    "study/pages": "report",
    "study/radius": "repeated_experiments",
    "study/rerun": "report",
    "study/result": "trial",
    "study/result_tables": "runner",
    "study/running": "cluster",
    "study/section": "report",
    "study/study": "spec",
    "study/table": "spec",
    "study/training": "spec",
    "study/trial_files": "trial",
    "study/trial_folder": "report",
}
TESTS = {path.stem.removeprefix("test_"): path for path in Path(__file__).parent.glob("test_*.py")}


def _tested() -> set[str]:
    """Files that a test imports from; a name from a package counts for the file that the package has it from."""
    homes: dict[str, str] = {}
    for file, tree in TREES.items():
        if file.endswith("__init__.py"):
            package = ".".join(["hge_spice", *Path(file).parts[:-1]])
            taken = (name for name in imports(tree) if name.startswith("hge_spice."))
            homes |= {f"{package}.{name.rpartition('.')[2]}": name for name in taken}
    asked = {name for path in TESTS.values() for name in imports(ast.parse(path.read_text("utf-8"), path))}
    found = {homes.get(name, name) for name in asked}
    found |= {name.rpartition(".")[0] for name in found}
    return {name.removeprefix("hge_spice.").replace(".", "/") for name in found if name.startswith("hge_spice.")}


def test_tests_mirror_modules():
    tested = _tested()
    modules = [file.removesuffix(".py") for file in TREES if not file.endswith("__init__.py")]
    unseen = []
    for module in modules:
        parts = module.split("/")
        named = {*parts, "_".join(parts[-2:])} & TESTS.keys()  # after it, its package, or both
        if not named and module not in tested and not any(_meant(each, module) for each in SEEN_THROUGH):
            unseen.append(module)
    assert not unseen, (
        f"no test file is named after {unseen} or imports it; write one, or say in SEEN_THROUGH whose sees it"
    )
    gone = [each for each in SEEN_THROUGH if not any(_meant(each, module) for module in modules)]
    assert not gone, f"SEEN_THROUGH has {gone}, which are not there"
    assert set(SEEN_THROUGH.values()) <= TESTS.keys()


def _meant(entry: str, module: str) -> bool:
    return module == entry or (entry.endswith("/") and module.startswith(entry))


def test_modules_are_short():
    lengths = sorted(len((PACKAGE / file).read_text("utf-8").splitlines()) for file in TREES)
    assert lengths[len(lengths) // 2] <= 150

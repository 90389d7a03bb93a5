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
IN_A_STUDY = (  # the same within study/, which has no more than these
    {"steps", "catalogue", "keys", "report", "lab"},
    {"run"},
    {"trial"},
    {"beside"},
    {"bench"},
    {"judge"},
    {"sweep"},
    {"tables"},
    {"text"},
)
PLOTTERS = ("plot/", "study/report/")
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


def reached_from(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """All that each unit imports, by way of others too; a CycleError names the circle."""
    reached: dict[str, set[str]] = {}
    for unit in TopologicalSorter(graph).static_order():
        reached[unit] = graph.get(unit, set()).union(*(reached[each] for each in graph.get(unit, ())))
    return reached


def units_in(package: str) -> dict[str, set[str]]:
    """What each module or package directly inside ours, or inside a package of it ("study/"), imports of the others."""
    prefix, depth = f"hge_spice.{package.replace('/', '.')}", package.count("/")
    graph: dict[str, set[str]] = {}
    for file, tree in TREES.items():
        if file.startswith(package) and file != f"{package}__init__.py":
            unit = Path(file).parts[depth].removesuffix(".py")
            ours = {name.split(".")[depth + 1] for name in imports(tree) if name.startswith(prefix)}
            graph[unit] = graph.get(unit, set()) | ours - {unit}
    return graph


def assert_downwards(reached: dict[str, set[str]], order: tuple[set[str], ...]) -> None:
    for rank, units in enumerate(order):
        upwards = {unit: reached[unit] & set().union(*order[:rank]) for unit in units & reached.keys()}
        assert not any(upwards.values()), f"imports run downwards only: {upwards}"


def test_imports_run_downwards_only():
    reached = reached_from(units_in(""))  # but for __init__.py, which gathers the public names of all
    for order in ORDERS:
        assert_downwards(reached, order)


def test_a_study_passes_through_its_packages_in_order():
    reached = reached_from(units_in("study/"))
    assert reached.keys() == set().union(*IN_A_STUDY), "each part of study/ has its place in IN_A_STUDY"
    assert_downwards(reached, IN_A_STUDY)
    for unit in reached:
        reached_from(units_in(f"study/{unit}/"))


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
    "ngspice/alterations": "device",
    "ngspice/decks": "device",
    "ngspice/flags": "device",
    "ngspice/log": "faults",
    "ngspice/waveforms": "device",
    "planner/exchange": "tones",
    "study/bench/at_corner": "signoff",
    "study/bench/auto": "trial",
    "study/bench/settings": "trial",
    "study/beside/generalise": "data_studies",
    "study/beside/radius": "repeated_experiments",
    "study/catalogue": "cli",
    "study/report/overview": "report",
    "study/report/pages": "report",
    "study/report/section": "report",
    "study/report/trial_folder": "report",
    "study/run/result_tables": "runner",
    "study/tables/beside": "spec",
    "study/tables/corners": "signoff",
    "study/tables/in_circuit": "circuit",
    "study/tables/measurement": "spec",
    "study/tables/misfits": "spec",
    "study/tables/running": "cluster",
    "study/tables/study": "spec",
    "study/tables/table": "spec",
    "study/tables/training": "spec",
    "study/text/finite": "demodulate",
    "study/trial/circuit_result": "circuit",
    "study/trial/learned": "trial",
    "study/trial/result": "trial",
    "study/trial/trial_files": "trial",
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

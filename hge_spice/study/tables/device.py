"""[device]: the network itself, by a family's or a graph's builder, from a file or a netlist, or units in series."""

import inspect
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from scipy.constants import elementary_charge

from hge_spice.devices import DEVICES, ELEMENTS
from hge_spice.devices.dopant import RATES
from hge_spice.graph import (
    GRAPHS,
    PLACEMENTS,
)
from hge_spice.study.tables.table import Count, Names, Seed, Table, Text
from hge_spice.study.text.files import suggestion
from hge_spice.study.text.units import dimension_of, quantity
from hge_spice.study.text.values import list_of, one_of, or_none, si, table, takes, whole, yes_or_no

ENGINES = ("ngspice", "quasistatic")
OF_A_BLOCK = {"subcircuit", "name", "parameters", "allow_outside"}
OF_A_SERIES = {"graph", "units", "gain", "shift", "limit", "reinitialise"}
OF_ELEMENTS = {"family", "parameters", "temperature", "reinitialise"}
OF_DOPANTS = {
    *("sites", "electrodes", "seed", "temperature"),
    *("radius", "localisation", "permittivity", "attempt_rate", "cutoff"),
}
OF_VARIED = {"disorder", "donors", "rate"}
MOST_DISORDER = 1.0  # eV: beyond, no site would ever be emptied or filled
BUILDS: dict[str, frozenset[str]] = {
    name: frozenset(inspect.signature(build).parameters) - {"rng"} for name, build in GRAPHS.items()
}


@takes("energy, 0 J or more", "energy")
def _disorder(value: Any) -> float:
    energy: float = si("energy", least=0.0)(value)
    if energy > MOST_DISORDER * elementary_charge:
        raise ValueError(f"{value!r} should be {MOST_DISORDER:g} eV or less")
    return energy


class Device(Table):
    """The network itself. What is drawn of dopants, their energies and donors, comes from `devices.dopant.varied`."""

    engine: Annotated[str, BeforeValidator(one_of("engine", ENGINES))] = "ngspice"
    """What measures: ngspice, or the same equations solved in NumPy at every instant."""
    family: Annotated[str, BeforeValidator(one_of("device family", DEVICES))] = "dopant"
    """The whole device, or what each edge of a graph is; `hge-spice list devices` names them."""
    subcircuit: Text | None = None
    """A netlist file with your own block, or with what each edge is that names no netlist itself."""
    name: Text | None = None
    """Of the file's .subckt, where it has several."""
    graph: Annotated[str | None, BeforeValidator(one_of("graph", (*GRAPHS, "layered")))] = None
    """What builds the network of elements; `hge-spice list graphs` names them."""
    file: Text | None = None
    """A network in a file, whose nodes named in [electrodes] become electrodes."""
    parameters: Annotated[dict[str, float], BeforeValidator(table)] = Field(default_factory=dict)
    """Of the block's instance, or of the family's elements; plain numbers are SI."""
    allow_outside: Annotated[bool, BeforeValidator(yes_or_no)] = False
    """Whether netlists may include files, and edges name some, beyond their own folder."""
    reinitialise: Annotated[bool, BeforeValidator(yes_or_no)] = True
    """Whether elements that remember start every measurement anew; else they go on, in one worker."""
    sites: Annotated[int, BeforeValidator(whole(1, most=10_000))] = 12  # the netlist grows as their square
    """Dopants that an electron can hop between."""
    electrodes: Annotated[int, BeforeValidator(whole(2))] = 8
    """Number of electrodes."""
    seed: Seed = 0
    """Of what is drawn: sites, energies, graphs."""
    temperature: Annotated[float, BeforeValidator(si("temperature", above=0))] = 77.0
    """Of the whole device; blocks and files have 27 C, an element its own, if left out."""
    radius: Annotated[float, BeforeValidator(si("length", above=0))] = 75e-9
    """Of the disc that the dopants lie in."""
    localisation: Annotated[float, BeforeValidator(si("length", above=0))] = 10e-9
    """The length a of a hop's rate, exp(−2r/a)."""
    permittivity: Annotated[float, BeforeValidator(si("ratio", above=0))] = 3.9
    """Relative, of the dopants' host."""
    attempt_rate: Annotated[float, BeforeValidator(si("frequency", above=0))] = 1e14
    """Of hops; all currents are in proportion to it."""
    cutoff: Annotated[float, BeforeValidator(si("ratio", above=0, below=1))] = 1e-4
    """Links of dopants weaker than this share of the strongest are left out."""
    disorder: Annotated[float, BeforeValidator(_disorder)] = 0.0
    """Standard deviation of the sites' energies, 1 eV at most."""
    donors: Annotated[int, BeforeValidator(whole(0, most=10_000))] = 0
    """Fixed positive charges among the sites."""
    rate: Annotated[str, BeforeValidator(one_of("rate of hops", RATES))] = "glauber"
    """Of a hop, over the energy it takes."""
    rows: Count = 4
    """Of a grid, mesh or crossbar."""
    columns: Count = 4
    """Of a grid, mesh or crossbar."""
    layers: Count = 4
    """Of a mesh."""
    nodes: Count = 40
    """Of a drawn graph."""
    wires: Count = 60
    """Of a nanowire network."""
    reach: Annotated[float, BeforeValidator(si("ratio", above=0))] = 0.25
    """Within which two points of a random geometric graph are linked, as a share of its side."""
    length: Annotated[float, BeforeValidator(si("ratio", above=0))] = 0.35
    """Of a nanowire, as a share of the square's side."""
    placement: Annotated[str, BeforeValidator(one_of("placement", PLACEMENTS))] = "rim"
    """Where a graph's electrodes are put."""
    line_resistance: Annotated[float, BeforeValidator(si("resistance", least=0))] = 0.0
    """Of a crossbar's line, from one crossing to the next."""
    selector: Annotated[str | None, BeforeValidator(one_of("element", ELEMENTS))] = None
    """The element in series with each device of a crossbar."""
    selector_parameters: Annotated[dict[str, float], BeforeValidator(table)] = Field(default_factory=dict)
    """Of the selector; plain numbers are SI."""
    units: Annotated[tuple["Unit", ...], BeforeValidator(list_of(table))] = ()
    """Devices in series: tables with keys of [device], and what they drive (docs/tasks.md)."""
    gain: Annotated[float, BeforeValidator(si("resistance"))] = 1e7
    """Of the transimpedance amplifiers between units; negative where they invert."""
    shift: Annotated[float, BeforeValidator(si("voltage"))] = 0.0
    """Added by the amplifiers between units."""
    limit: Annotated[float | None, BeforeValidator(or_none(si("voltage", above=0)))] = 0.5
    """At which the amplifiers between units saturate."""

    @field_validator("parameters", mode="before")
    @classmethod
    def _in_the_familys_units(cls, value: Any, info: ValidationInfo) -> dict[str, float]:
        return _parameters(info.data.get("family"), value)

    @field_validator("selector_parameters", mode="before")
    @classmethod
    def _in_the_selectors_units(cls, value: Any, info: ValidationInfo) -> dict[str, float]:
        return _parameters(info.data.get("selector"), value)

    @property
    def source(self) -> str:
        """Where the network comes from: "subcircuit", "layered", "file", "graph", "element" or "dopant"."""
        if self.graph is not None:
            return "layered" if self.graph == "layered" else "graph"
        if self.file is not None:
            return "file"
        if self.subcircuit is not None:
            return "subcircuit"
        return "element" if self.family in ELEMENTS else "dopant"

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_its_source(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        if "units" in given or given.get("graph") == "layered":
            _refuse(given, OF_A_SERIES, "units in series (units)")
            return {"graph": "layered"} | given
        if "subcircuit" in given:
            if not {"file", "graph"} & given.keys():
                _refuse(
                    given, {"family", "temperature", "reinitialise", *OF_A_BLOCK}, "a block of your own (subcircuit)"
                )
            return {"family": "subcircuit", "temperature": "27 C"} | given
        if str(given.get("family")) in ELEMENTS:
            return {"temperature": f"{ELEMENTS[str(given['family'])].usual_temperature} K"} | given
        if {"file", "graph"} & given.keys():
            return {"temperature": "27 C"} | given
        return given

    @model_validator(mode="after")
    def _family_fits(self) -> "Device":
        given = self.model_fields_set
        of_edges = self.source in {"graph", "file"}
        alike = self.family == "subcircuit" and not (self.source == "file" and self.subcircuit is None)
        if alike != (self.subcircuit is not None) and not (of_edges and self.subcircuit is not None):
            raise ValueError('a block of your own needs subcircuit = "file.cir", and no other family')
        odd = sorted((OF_A_BLOCK & given) - (set() if self.source == "dopant" else {"parameters"}))
        odd = [key for key in odd if not (self.source == "file" and key == "allow_outside")]
        if self.subcircuit is None and odd:
            raise ValueError(f"{', '.join(odd)} belongs to a block of your own (subcircuit)")
        if of_edges and self.family not in (*ELEMENTS, "subcircuit") and (self.graph or "family" in given):
            raise ValueError(f"a graph is made of elements; family should be one of {', '.join(ELEMENTS)}, subcircuit")
        if self.source == "layered":
            _check_units(self.units)
        known, of = {
            "graph": (
                {"graph", *OF_ELEMENTS, *OF_A_BLOCK, "seed", *BUILDS.get(str(self.graph), ())},
                f'graph = "{self.graph}"',
            ),
            "file": ({"file", *OF_ELEMENTS, *OF_A_BLOCK}, "a graph from a file"),
            "element": (OF_ELEMENTS, f"a single {self.family}; for a network of them name a graph or a file"),
            "dopant": ({"family", *OF_DOPANTS, *OF_VARIED}, "a dopant network"),
        }.get(self.source, (given, ""))
        _refuse(given, known, of)
        return self


class Unit(Device):
    """A device among several; output drives the next one's inputs, each an electrode by its name in its own unit."""

    output: Text | None = None
    """The electrode whose current drives the next unit."""
    inputs: Names = ()
    """Electrodes that the unit before drives."""
    drives: Names = ()
    """Instead of the next unit's inputs: electrodes of any later units, such as u2_e4."""


def _refuse(given: Any, known: set[str] | frozenset[str], of: str) -> None:
    odd = sorted(set(given) - known - {"output", "inputs", "drives", "engine"})
    if odd:
        raise ValueError(f"{', '.join(odd)} is no key of {of}")


def _parameters(family: str | None, value: Any) -> dict[str, float]:
    """Parameters of a family's elements in SI; plain numbers for anything else."""
    element = DEVICES[family].element if family is not None else None
    if element is None:
        return {name: quantity(number, "ratio") for name, number in table(value).items()}
    known = element.all_parameters
    for name in table(value):
        if name not in known:
            raise ValueError(f"{element.name} has no parameter {name!r}{suggestion(name, known)}")
    given = {name: quantity(number, dimension_of(known[name].unit)) for name, number in value.items()}
    element.values(given)
    return given


def _check_units(units: tuple[Unit, ...]) -> None:
    if len(units) < 2:
        raise ValueError(f"{len(units)} units; a series takes 2 or more tables [[device.units]]")
    for k, unit in enumerate(units):
        if unit.source == "layered" or "subcircuit" in {unit.source, unit.family} or unit.subcircuit is not None:
            raise ValueError(f"unit {k} is a {_kind(unit)}; units in series are networks of dopants or elements")
        if in_series(units):
            if (unit.output is None) != (k == len(units) - 1) or bool(unit.inputs) != (k > 0):
                raise ValueError(
                    f"unit {k}: in a series every unit but the last names its output, every one but the first its "
                    "inputs; otherwise an output says what it drives (drives)"
                )
        elif (unit.output is None) != (not unit.drives) or unit.inputs:
            raise ValueError(f"unit {k}: where one names what it drives, all that name an output do, and none inputs")


def in_series(units: tuple[Unit, ...]) -> bool:
    """Whether units name outputs and inputs only; those that say what they drive, or nothing, are joined at will."""
    return any(unit.output or unit.inputs for unit in units) and not any(unit.drives for unit in units)


def _kind(unit: Unit) -> str:
    return unit.source if unit.source == "layered" else "subcircuit"

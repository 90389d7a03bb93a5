"""What one element is: `hge-spice subckt` prints it for other tools, `hge-spice plot` draws it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hge_spice.cli.interface import DONE, print_or_write, refuse_picture

if TYPE_CHECKING:
    from hge_spice.devices.element import Element

DATA_FLOW = "data_flow"


def subckt(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help="An element: see `hge-spice list devices`.")],
    language: Annotated[
        str, typer.Option("--format", help="spice: a .subckt; verilog-a: a module (dopant: its hops; lockin).")
    ] = "spice",
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
) -> int:
    """Print an element as a .subckt that ngspice, LTspice or Xyce can include, or as a Verilog-A module."""
    from hge_spice.devices.library import subcircuit
    from hge_spice.devices.verilog_a import verilog_a
    from hge_spice.study.text.files import suggestion

    if language not in {"spice", "verilog-a"}:
        raise ValueError(f"there is no format {language!r}{suggestion(language, ('spice', 'verilog-a'))}")
    if language == "verilog-a" and family in {"dopant", "lockin"}:
        return print_or_write(verilog_a(family), output)
    element = _element(family)
    return print_or_write(subcircuit(element) if language == "spice" else verilog_a(element.name), output)


def plot(
    family: Annotated[
        str, typer.Argument(metavar="FAMILY", help=f"An element: see `hge-spice list devices`. Or {DATA_FLOW}.")
    ],
    output: Annotated[Path | None, typer.Option(help="A .png, .svg or .pdf file; FAMILY.png if not given.")] = None,
) -> int:
    """Draw an element's current and conductance against voltage, and the loop of one that remembers.

    data_flow is a step of training as a block diagram.
    """
    path = output or Path(f"{family}.png")
    refuse_picture(path)
    if family == DATA_FLOW:
        from hge_spice.plot.data_flow import data_flow

        figure = data_flow()
    else:
        element = _element(family)
        from hge_spice.plot.element import element_picture

        figure = element_picture(element)
    figure.savefig(path)
    print(path)
    return DONE


def _element(family: str) -> "Element":
    from hge_spice.devices import ELEMENTS
    from hge_spice.study.text.files import suggestion

    if family not in ELEMENTS:
        raise ValueError(f"there is no element {family!r}{suggestion(family, ELEMENTS)}")
    return ELEMENTS[family]

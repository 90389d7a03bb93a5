"""[pdk]: a process trusted by name, so that a netlist may use its models."""

from pydantic import model_validator

from hge_spice.study.tables.table import Names, Table, Text


class Pdk(Table):
    """A process trusted by name: a known package, or a library file under a root; section is its corner.

    osdi : compiled Verilog-A models under the root; ngbehavior : ngspice's compatibility mode, such as "hsa"
    """

    package: Text | None = None
    root: Text | None = None
    lib: Text | None = None
    section: Text = "tt"
    osdi: Names = ()
    ngbehavior: Text | None = None

    @model_validator(mode="after")
    def _package_or_root(self) -> "Pdk":
        if (self.package is None) == (self.root is None) or (self.root is None) != (self.lib is None):
            raise ValueError("give package, or root and lib")
        if self.osdi and self.root is None:
            raise ValueError("osdi names files under a root; give root and lib")
        return self

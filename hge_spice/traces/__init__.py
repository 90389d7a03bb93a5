"""Recorded waveforms on disk: ngspice's .raw files written and read, tables of numbers (CSV) read in pieces."""

from hge_spice.traces.raw import Plot, RawTrace, read_raw, write_raw
from hge_spice.traces.table import TableTrace
from hge_spice.traces.vcd import write_vcd

__all__ = ["Plot", "RawTrace", "TableTrace", "read_raw", "write_raw", "write_vcd"]

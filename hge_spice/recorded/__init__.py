"""Recorded traces: a trace as a device under test, and its derivatives with the recorder's clock corrected."""

from hge_spice.recorded.device import TraceDevice
from hge_spice.recorded.estimate import TraceEstimate, estimate_trace
from hge_spice.recorded.rate import stretched
from hge_spice.recorded.windows import Setup, Window, cut_windows, scaled

__all__ = ["Setup", "TraceDevice", "TraceEstimate", "Window", "cut_windows", "estimate_trace", "scaled", "stretched"]

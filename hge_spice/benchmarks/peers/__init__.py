"""Peers side by side: accuracy, wall time, simulated time and lines to write, of what users pick today.

Each peer does the same with the same netlist, in a process of its own, as a competent user of it would write it:
`pyspice_loop.py`, `spicelib_runs.py`, `neospice_adjoint.py`, `badcrossbar_currents.py`, and ours in `hge.py`.
"""

"""Names of electrodes in a netlist: labels are data, and never become netlist text as they are."""

import re

# what an electrode can't be called: internal nodes and elements (n0, x0), ground, ngspice's own words, our spelling
_TAKEN = re.compile(r"[nx]\d.*|e_.*|gnd|time|temper|hertz")
_NAME = re.compile(r"[a-z]\w*", re.ASCII)


def terminal(electrode: str) -> str:
    """Name of an electrode's node in a netlist: its own where that can stand there, else one made from it.

    Different electrodes have different nodes. ngspice knows no case, so upper case is spelled out too.
    """
    if not _NAME.fullmatch(electrode) or electrode != electrode.lower():
        return f"e_{electrode.encode().hex()}"
    return f"e_{electrode}" if _TAKEN.fullmatch(electrode) else electrode

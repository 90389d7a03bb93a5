"""Names of electrodes in a netlist: labels are data, and never become netlist text as they are."""

import hashlib
import re

# what an electrode can't be called: internal nodes and elements (n0, x0), ground, ngspice's own words, our spelling
_TAKEN = re.compile(r"[nx]\d.*|e_.*|gnd|time|temper|hertz")
LONGEST = 24  # letters: a longer name is known by its digest
_NAME = re.compile(r"[a-z]\w*", re.ASCII)


def terminal(electrode: str) -> str:
    """Name of an electrode's node in a netlist: its own where that can stand there, else one made from it.

    Different electrodes have different nodes. ngspice knows no case, so upper case is spelled out too.
    """
    if len(electrode) > LONGEST:
        return f"e_{hashlib.sha256(electrode.encode('utf-8', 'surrogatepass')).hexdigest()}"
    if not _NAME.fullmatch(electrode) or electrode != electrode.lower():
        return f"e_{electrode.encode('utf-8', 'surrogatepass').hex()}"
    return f"e_{electrode}" if _TAKEN.fullmatch(electrode) else electrode

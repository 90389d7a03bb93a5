"""Names of electrodes in a netlist: labels are data, and never become netlist text as they are."""

import hashlib
import re
from functools import lru_cache

# what an electrode can't be called: internal nodes and elements (n0, x0), ground, our spelling, and words that ngspice
# knows in expressions, over some of which it dies (v(gauss, a))
_WORDS = (
    "time temper hertz v i u u2 uramp pwl ddt idt pow pwr min max sqrt exp ln log log10 abs sgn int nint floor ceil "
    "fabs sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh arctan ternary_fcn gauss agauss unif aunif limit "
    "defined db mag ph cph re im norm mean vecmin vecmax length pi boltz echarge kelvin planck yes no true false"
)
_TAKEN = re.compile(rf"[nx]\d.*|e_.*|gnd|{'|'.join(_WORDS.split())}")
LONGEST = 24  # letters: a longer name is known by its digest
_NAME = re.compile(r"[a-z]\w*", re.ASCII)


@lru_cache(maxsize=4096)  # asked for every source at every measurement
def terminal(electrode: str) -> str:
    """Name of an electrode's node in a netlist: its own where that can stand there, else one made from it.

    Different electrodes have different nodes. ngspice knows no case, so upper case is spelled out too.
    """
    if len(electrode) > LONGEST:
        return f"e_{hashlib.sha256(electrode.encode('utf-8', 'surrogatepass')).hexdigest()}"
    if not _NAME.fullmatch(electrode) or electrode != electrode.lower():
        return f"e_{electrode.encode('utf-8', 'surrogatepass').hex()}"
    return f"e_{electrode}" if _TAKEN.fullmatch(electrode) else electrode

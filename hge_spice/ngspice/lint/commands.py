"""Commands to a loaded circuit that ngspice would ignore, cut, or take for more than they are."""

import re
from collections.abc import Collection
from difflib import get_close_matches

from hge_spice.ngspice.session import COMMAND_LIMIT

_ALTER = re.compile(r"alter (?:@([^\s\[\]]+)\[\w+\]|(\S+)(?: \w+)?) = (?:\[ [-+\w. ]+ \]|[-+\w.]+)")


def check_alter(known_sources: Collection[str], command: str) -> None:
    """Refuse an alter command that ngspice would ignore or cut, or that does more than alter.

    known_sources : names of the loaded circuit's sources (and other elements that may be altered)

    ngspice ignores a name that isn't there, runs what follows a `;` or stands in backquotes, and writes to what
    follows a `>`.
    """
    if len(command) > COMMAND_LIMIT:
        raise ValueError(f"a command of {len(command)} characters; ngspice cuts it at {COMMAND_LIMIT}: use a vector")
    found = _ALTER.fullmatch(command.lower())
    if not found:
        raise ValueError(f"{command!r} is not `alter <source> <parameter> = <value>` or `alter @<source>[…] = [ … ]`")
    name = found.group(1) or found.group(2)
    names = {known.lower() for known in known_sources}
    if name not in names:
        near = get_close_matches(name, names, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"the circuit has {', '.join(sorted(names)[:8])}"
        raise ValueError(f"there is no source {name} to alter, which ngspice would ignore; {hint}")

"""What ngspice accepts silently and gets wrong, found before load, with file and line.

Each check was tried on ngspice 39.3, and says what that did. It is no SPICE parser beyond what this needs: a netlist
that it finds nothing against can still be wrong, but then ngspice says so. `includes.py` reads a stranger's file.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from hge_spice.ngspice.harmless import CARDS, SILENT, refuse_hazards
from hge_spice.ngspice.includes import Netlist, read_netlist
from hge_spice.ngspice.lint.elements import check_duplicates, check_element
from hge_spice.ngspice.lint.expressions import check_definitions
from hge_spice.ngspice.lint.sheet import GROUND, Sheet
from hge_spice.ngspice.lint.topology import EXPANDED_LIMIT, check_connections, check_pins, check_size
from hge_spice.ngspice.statements import Finding, NetlistError, Statement, logical_lines

__all__ = ["Finding", "Netlist", "NetlistError", "lint", "read_netlist"]


def lint(netlist: Netlist | str, top: str | None = None, output: Collection[str] = ()) -> list[Finding]:
    """Find what ngspice would get wrong without a word, in a netlist that was read or in the text of a deck.

    top : the subcircuit that will be used; what neither it nor the top level calls is then never fatal
    output : those of its pins that are looked at, in lower case

    Statements of a process trusted by name are taken as they are; strangers' are checked against them.
    """
    if isinstance(netlist, str):
        statements, findings = _deck(netlist)
    else:
        statements, findings = netlist.statements, list(netlist.findings)
    if len(statements) > EXPANDED_LIMIT:  # a minute's work, for a circuit that nobody can run
        return [
            *findings,
            statements[0].finding(f"{len(statements)} statements, more than {EXPANDED_LIMIT}", fatal=True),
        ]
    sheet = Sheet()
    for statement in statements:
        sheet.take(statement)
    findings += sheet.finish()
    used = sheet.used(top)
    for scope in sheet.scopes:
        found = [*check_definitions(scope), *check_duplicates(scope)]
        for element in scope.elements:
            if not element.statement.trusted:
                found += check_element(element, scope)
        if not scope.start.trusted:
            found += check_connections(scope, sheet.everywhere)
        findings += found if id(scope) in used else [replace(each, fatal=False) for each in found]
    findings += check_size(sheet.scopes)
    main = sheet.scopes[0].elements
    if main and not any(GROUND & {*element.nodes} for scope in sheet.scopes for element in scope.elements):
        findings.append(main[0].statement.finding("no node is ground (0): voltages are made up from gmin", fatal=True))
    findings += _of_top(sheet, top, output)
    order = {file: place for place, file in enumerate(dict.fromkeys(s.file for s in statements))}
    return sorted(dict.fromkeys(findings), key=lambda found: (order.get(found.file, 0), found.line))


def _of_top(sheet: Sheet, top: str | None, output: Collection[str]) -> Iterable[Finding]:
    """What is wrong with the subcircuit that will be used, seen from outside."""
    cells = sheet.scopes[0].subcircuits
    if top is None:
        return ()
    if top.lower() not in cells:
        problem = f"no subcircuit {top}; there are: {', '.join(cells) or 'none'}"
        return (Statement("netlist", 0, "").finding(problem, fatal=True),)
    return check_pins(cells[top.lower()], output)


def _deck(text: str) -> tuple[tuple[Statement, ...], list[Finding]]:
    """Statements of a deck that was generated, with a finding for what read_netlist would have refused."""
    lines = text.splitlines()  # as the session does
    if lines and not lines[0].lstrip().startswith("."):
        lines[0] = "*# ng_script" if lines[0].lower().startswith("*ng_script") else ""  # else the title
    kept: list[Statement] = []
    findings: list[Finding] = []
    try:
        for statement in logical_lines(lines, "deck"):
            card = statement.card
            if card.startswith("*"):
                if re.match(r"\*# ?[A-Za-z]", statement.text):
                    findings.append(statement.finding("a comment that begins with *# is run as a command", fatal=True))
            elif card.startswith(".") and card not in CARDS and card not in SILENT:
                findings.append(statement.finding(f"{card} can run commands or open files, or is unknown", fatal=True))
            else:
                refuse_hazards(statement)
                kept.append(statement)
    except NetlistError as error:
        findings.append(error.args[0])  # and no more: after it the rest reads differently in ngspice
    return tuple(kept), findings

"""`hge-spice doctor`: what is installed, and what works."""

from hge_spice.cli.interface import DONE, NO_NGSPICE, AsJson, print_json


def doctor(as_json: AsJson = False) -> int:
    """Say what is installed, what works, and what to do about the rest."""
    from hge_spice.doctor import examine, render

    found = examine()
    if as_json:
        print_json(found)
    else:
        print(render(found))
    return DONE if found["usable"] else NO_NGSPICE

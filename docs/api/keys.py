"""Write the page of keys from where they are declared: python docs/api/keys.py docs/keys.md."""

import sys
from pathlib import Path

from hge_spice.study.keys import WHOLE, Described, tables
from hge_spice.study.text.units import DIMENSIONS

HEAD = """# Keys of a study file

Made by `make keys` from where the keys are declared, `hge_spice/study/tables/`. In a terminal, `hge-spice list keys`
prints them all, `hge-spice list keys training` those of one table, and `hge-spice list keys training.rate` one.

A study needs `[device]`, `[electrodes]` and `[task]`. Any key may be set for one run, `--set training.rate="10 mV"`.
How the tables work together is told by [the tutorial](tutorial.md) and [bring your own circuit](own_circuit.md).

## Quantities

A quantity is a text with its unit, `"25 ms"`, with the prefixes a f p n u m k M G T, except in `min`, `h`, `C`, `%` and
the like. A number without a unit is in the SI unit: `window = 25` is 25 s.
"""


def page() -> str:
    """All keys, and how quantities are written."""
    return "\n".join([HEAD, *_units(), *(line for each in tables().items() for line in _section(*each)), ""])


def _units() -> list[str]:
    rows = []
    for name, kind in DIMENSIONS.items():
        also = ", ".join(unit for unit in kind.units if unit != kind.si)
        rows.append(f'| {name} | {kind.si} | {also} | `"{kind.example}"` |')
    return ["| dimension | SI | also | such as |", "|---|---|---|---|", *rows]


def _section(name: str, described: Described) -> list[str]:
    title = name if name == WHOLE else f"`[{name}]`"
    head, rule = "| key | takes | default |", "|---|---|---|"
    told = any(each.about for each in described.keys.values())
    rows = [
        f"| `{key}` | {each.takes} | {each.default} |" + (f" {each.about} |" if told else "")
        for key, each in described.keys.items()
    ]
    return ["", f"## {title}", "", described.about, "", head + " |" * told, rule + "---|" * told, *rows]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), "utf-8")

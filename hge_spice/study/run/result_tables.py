"""The tables of a run: results.csv and results.parquet, a line per trial, whole or as they were before."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd


def result_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A line per trial of a ledger: scalars as they are, lists and tables by element."""
    lines = []
    for row in rows:
        line: dict[str, Any] = {"id": row["id"], "status": row["status"], "reason": row["reason"], "seed": row["seed"]}
        line |= row["parameters"]
        for key, value in row["result"].items():
            if isinstance(value, list):
                line |= {f"{key}.{k}": element for k, element in enumerate(value)}
            elif isinstance(value, dict):
                line |= {f"{key}.{name}": element for name, element in value.items()}
            else:
                line[key] = value
        lines.append(line)
    table = pd.DataFrame(lines)
    for column in table.columns[[kind.kind == "O" for kind in table.dtypes]]:
        table[column] = table[column].map(lambda v: v if v is None or isinstance(v, str) else str(v))
    return table


def write_tables(rows: Iterable[Mapping[str, Any]], out: Path) -> None:
    """Write both. Raises OSError where there is no room; what was there before then stays."""
    table = result_table(rows)
    for name, write in (("results.csv", table.to_csv), ("results.parquet", table.to_parquet)):
        partly = out / f"{name}.part"
        try:
            write(partly, index=False)
            partly.replace(out / name)
        finally:
            partly.unlink(missing_ok=True)

"""[probe], [results] and [cluster]: what a run keeps of its trials, and where they run."""

from typing import Annotated

from pydantic import BeforeValidator

from hge_spice.study.tables.table import Names, Table, Text
from hge_spice.study.text.values import one_of, text, whole


class Probe(Table):
    """nodes : internal nodes and device quantities kept in the waveforms, such as "x1.n3" or "@m.x1.m2[id]"."""

    nodes: Names = ()


class Results(Table):
    """keep : which files a trial leaves beside its row in the ledger: all, what the report draws, or none."""

    keep: Annotated[str, BeforeValidator(one_of("choice", ("all", "report", "none")))] = "all"


class Cluster(Table):
    """A Dask cluster to start for the run: workers of one thread each; the rest as SLURM takes it, for each job."""

    kind: Annotated[str, BeforeValidator(one_of("cluster", ("local", "slurm")))] = "local"
    workers: Annotated[int, BeforeValidator(whole(1, most=100_000))] = 2
    cores: Annotated[int, BeforeValidator(whole(1, most=1024))] = 1
    memory: Text = "2 GB"
    walltime: Annotated[str, BeforeValidator(lambda value: text(str(value)))] = "01:00:00"  # TOML has times of its own
    queue: Text | None = None
    account: Text | None = None
    directives: Names = ()

"""[probe], [results] and [cluster]: what a run keeps of its trials, and where they run."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from hge_spice.study.tables.table import Names, Table, Text
from hge_spice.study.text.values import one_of, takes, text, whole


@takes("time as SLURM writes it")
def _time_of_day(value: Any) -> str:
    return text(str(value))  # TOML has times of its own


class Probe(Table):
    """What is kept beside the output."""

    nodes: Names = ()
    """Internal nodes and device quantities kept in the waveforms, such as "x1.n3" or "@m.x1.m2[id]"."""


class Results(Table):
    """What a trial leaves."""

    keep: Annotated[str, BeforeValidator(one_of("choice", ("all", "report", "none")))] = "all"
    """Files that a trial leaves beside its row in the ledger: all, what the report draws, or none."""


class Cluster(Table):
    """A Dask cluster to start for the run; what its jobs have is as SLURM takes it."""

    kind: Annotated[str, BeforeValidator(one_of("cluster", ("local", "slurm")))] = "local"
    """A Dask cluster on this machine, or SLURM jobs."""
    workers: Annotated[int, BeforeValidator(whole(1, most=100_000))] = 2
    """Of one thread each."""
    cores: Annotated[int, BeforeValidator(whole(1, most=1024))] = 1
    """Of each SLURM job."""
    memory: Text = "2 GB"
    """Of each SLURM job."""
    walltime: Annotated[str, BeforeValidator(_time_of_day)] = "01:00:00"
    """Of each SLURM job."""
    queue: Text | None = None
    """SLURM's partition."""
    account: Text | None = None
    """SLURM's account."""
    directives: Names = ()
    """Further lines for SLURM, without #SBATCH."""

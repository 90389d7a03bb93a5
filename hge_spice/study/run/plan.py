"""Which trials a study has, each checked as far as can be before any runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hge_spice.study.bench.check import check
from hge_spice.study.sweep.refine import refinement
from hge_spice.study.sweep.sampling import TrialSpec, parsed_trials
from hge_spice.study.sweep.subset import subset
from hge_spice.study.tables.spec import Study
from hge_spice.study.text.files import StudyError, StudyText


@dataclass(frozen=True)
class Planned:
    """A trial with its place in the study and the seed of its training."""

    position: int
    trial: TrialSpec
    seed: int


def plan_study(
    raw: StudyText, only: str | None = None, remarked: Callable[[str], None] = lambda _remark: None
) -> list[Planned]:
    """Every trial of a study, each checked as far as can be without simulating. Raises StudyError.

    only : a condition on the swept keys (subset.py)
    remarked : told what looks odd, once each
    """
    refinement(raw)
    planned: list[Planned] = []
    meant = None
    checked, known = set[str](), set[str]()
    for position, (trial, study) in enumerate(parsed_trials(raw)):
        meant = meant or (subset(only, tuple(trial.parameters)) if only is not None else lambda _i, _p: True)
        if meant(position, trial.parameters):
            for remark in _check_once(study, checked):
                if remark not in known:
                    known.add(remark)
                    remarked(remark)
            planned.append(Planned(position, trial, study.training.seed))
    if not planned:
        raise StudyError(f"--subset {only}: none of the study's trials is meant")
    return planned


def _check_once(study: Study, checked: set[str]) -> tuple[str, ...]:
    """Check a study unless one with the same circuit, task and tones was; dopants of another seed are the same kind.

    Gives the remarks of one that is checked for the first time.
    """
    apart: dict[str, Any] = {"training": {"seed", "steps", "starts", "rate", "rule"}, "readout": True}
    if study.device.source == "dopant":
        apart["device"] = {"seed"}
    same = study.model_dump_json(exclude=apart)
    if same in checked:
        return ()
    checked.add(same)
    try:
        return check(study)
    except ValueError as error:
        raise StudyError(str(error)) from error

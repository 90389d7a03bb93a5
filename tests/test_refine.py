import pytest

from hge_spice.study.sweep.refine import refined, refinement
from hge_spice.study.sweep.sampling import trials
from hge_spice.study.tables.spec import StudyError
from hge_spice.study.text.files import load_study

SWEEP = {
    "perturbation.amplitude": {"logspace": ["1 mV", "64 mV", 4]},
    "training.seed": [0, 1],
    "refine": {"key": "perturbation.amplitude", "metric": "loss", "at": 0.5, "rounds": 4},
}


def rows_of(found, threshold):
    """Rows as a ledger has them, where the loss jumps at a threshold in V."""
    for trial in found:
        amplitude = 1e-3 * float(trial.parameters["perturbation.amplitude"].split()[0])
        result = {"loss": float(amplitude > threshold[trial.parameters["training.seed"]])}
        yield {"id": trial.id, "status": "done", "parameters": trial.parameters, "result": result}


def test_refinement_halves_the_interval_of_every_line_by_its_own_threshold():
    raw = load_study("xor") | {"sweep": SWEEP}
    rule = refinement(raw)
    found, threshold = trials(raw), {0: 7e-3, 1: 20e-3}
    assert len(found) == 8
    for _ in range(rule.rounds):
        fresh = [trial for trial, _ in refined(rule, found[0].base, list(rows_of(found, threshold)))]
        assert len(fresh) == 2  # one a line and round
        found += fresh
    for seed, at in threshold.items():
        places = sorted(
            1e-3 * float(t.parameters["perturbation.amplitude"].split()[0])
            for t in found
            if t.parameters["training.seed"] == seed
        )
        below, above = max(p for p in places if p <= at), min(p for p in places if p > at)
        assert above / below == pytest.approx(4 ** (1 / 2**rule.rounds))  # of a step of 4, halved in its logarithm


@pytest.mark.parametrize(
    ("refine", "message"),
    [
        (3, "should have key, metric, at"),
        ({"key": "task.name", "metric": "loss", "at": 1}, "not swept over a list"),
        ({"key": "training.seed", "metric": "lost", "at": 1}, "did you mean loss"),
        ({"key": "training.seed", "metric": "gap", "at": "1 V"}, "1 V"),
        ({"key": "training.seed", "metric": "loss", "at": 1, "rounds": 99}, "1 up to 20"),
    ],
)
def test_a_refinement_that_makes_no_sense_is_refused(refine, message):
    with pytest.raises(StudyError, match=message):
        refinement({"sweep": {"training.seed": [1, 2], "refine": refine}})


def test_a_key_of_whole_numbers_is_refined_no_further_than_to_neighbours():
    raw = load_study("xor") | {
        "sweep": {"training.seed": [0, 3], "refine": {"key": "training.seed", "metric": "loss", "at": 0.5}}
    }
    rule, found = refinement(raw), trials(raw)
    for _ in range(5):
        rows = [
            {
                "id": t.id,
                "status": "done",
                "parameters": t.parameters,
                "result": {"loss": float(t.parameters["training.seed"] > 1)},
            }
            for t in found
        ]
        found += [trial for trial, _ in refined(rule, found[0].base, rows)]
    assert sorted(t.parameters["training.seed"] for t in found) == [0, 1, 2, 3]

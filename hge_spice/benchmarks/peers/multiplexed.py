"""Homodyne extraction against multiplexed gradient descent and SPSA, all in this toolkit, at equal simulated time."""

from collections.abc import Iterable
from typing import Any

from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.compare import compare_estimators
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study

TIME = "0.4 s"  # of the device, per pattern: that of the study `estimators`
ESTIMATORS = (
    "homodyne",
    "multiplexed_frequency",
    "multiplexed_walsh",
    "multiplexed_code",
    "multiplexed_time",
    "finite_difference",
    "spsa",
)
# read-out noise as the bench states it, white: with 1/f noise the frequencies that each happens to use would count
NOISE = '{psd="1e-5 nA^2/Hz", at="1 kHz", colour="white"}'
REPEATS = 60


def at_equal_time(estimators: Iterable[str] = ESTIMATORS, repeats: int = REPEATS, time: str = TIME) -> dict[str, Any]:
    """Error, angle to the true gradient and measurements of one estimate of all patterns, by estimator.

    error : rms over repeats of ‖estimate − truth‖/‖truth‖; angle : mean, degrees; seconds, runs : per pattern
    """
    found: dict[str, Any] = {}
    for estimator in estimators:
        settings = [
            f"training.estimator={estimator}",
            f"imperfections.readout_noise={NOISE}",
            f'compare.time="{time}"',
            f"compare.repeats={repeats}",
            "compare.runs=1",
            "compare.controls=[]",
            "sweep={}",
        ]
        with Bench.of(parse_study(load_study("estimators", settings))) as bench:
            found[estimator] = compare_estimators(bench)["equal_time"]
    return found

"""What a trial is judged by: its metrics, each with its dimension, and the bounds that [specs] may put on them."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from hge_spice.study.text.units import quantity
from hge_spice.study.text.values import one_of, table, takes

# what [specs] may bound, each with the dimension its bounds are written in
METRICS: Mapping[str, str] = {
    "solved": "ratio",
    "steps": "ratio",
    "starts": "ratio",
    "extractions": "ratio",
    "loss": "ratio",
    "gap": "current",
    "gap_over_span": "ratio",
    "contrast": "ratio",
    "d_prime": "ratio",
    "holds_in_exact_model": "ratio",
    "train_accuracy": "ratio",
    "test_accuracy": "ratio",
    "test_error": "ratio",
    "random_test_accuracy": "ratio",
    "random_test_error": "ratio",
    "better_than_random": "ratio",
    "better_than_random_low": "ratio",
    "seconds": "time",
    "simulated_seconds": "time",
    "energy_joule": "energy",
    "relative_error_max": "ratio",
    "second_order_hits": "ratio",
    "third_order_hits": "ratio",
    # of repeated extractions (study/beside/against_truth.py)
    "gradient_error": "ratio",
    "gradient_bias": "ratio",
    "gradient_spread": "ratio",
    # of a learning circuit (study/trial/circuit_result.py)
    "tightest_use": "ratio",
    "rests_from": "ratio",
    "lockin_error_max": "ratio",
    "loop_deviation_max": "ratio",
    "circuit_power": "power",
    "circuit_learning_joule": "energy",
    "digital_learning_joule": "energy",
    # of tone spacing (study/beside/spacing.py)
    "monte_carlo_chi_squared": "ratio",
    "difference_over_noise": "ratio",
    # of a sign-off (study/beside/signoff.py)
    "nominal_error": "ratio",
    "headroom": "voltage",
    "lag": "angle",
    "bandwidth": "frequency",
    "learning_snr": "ratio",
    "power_watt": "power",
    "retrained_solved": "ratio",
    "retrained_steps": "ratio",
}


class Spec(BaseModel):
    """Bounds of a metric, both included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min: float | None = None
    max: float | None = None


@takes("table of bounds by metric")
def read_specs(value: Any) -> dict[str, Spec]:
    """Bounds by metric, SI. Raises ValueError."""
    specs = {}
    for metric, bounds in table(value).items():
        dimension = METRICS[one_of("metric", METRICS)(metric)]
        if not isinstance(bounds, dict) or not bounds or set(bounds) - {"min", "max"}:
            raise ValueError(f"{metric} = {bounds!r} should have min, max or both, and nothing else")
        try:
            read = {side: quantity(bound, dimension) for side, bound in bounds.items()}
        except ValueError as error:
            raise ValueError(f"{metric}: {error}") from error
        if len(read) == 2 and read["min"] > read["max"]:
            raise ValueError(f"{metric} = {bounds!r} has its min above its max")
        specs[metric] = Spec(**read)
    return specs

"""Allan deviation of a long run of averages: where averaging longer stops paying, between white noise and drift.

Of averages ȳ over τ that follow one another, σ²(τ) = ½⟨(ȳ_{n+1} − ȳ_n)²⟩. It falls as τ^(−½) in white noise, stays in
flicker noise, and rises as τ^(+½) in a random walk, as τ in a linear drift; white noise of one-sided density S has
S/(2τ), a random walk of variance g a second gτ/3. All overlapping pairs are used.

Source: Riley, Handbook of Frequency Stability Analysis, NIST SP 1065 (2008), for the overlapping estimator and the
degrees of freedom of its variance in white, flicker and random-walk noise; IEEE Std 1139 for the slopes.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from hge_spice.drive import Floats

FEWEST = 16  # averages in a run: fewer hold no slope
CONFIDENCE = 0.683
QUARTER = 0.25  # |slope| below which it is flicker noise's
WORTH = 1.1  # what a longer window must gain to be worth it, beyond the deviation's own uncertainty


@dataclass(frozen=True)
class Allan:
    """Overlapping Allan deviation against averaging time.

    tau : [time], s; deviation : [time], in the values' unit; low, high : [time], of the 68 % interval, of a vector's
    components that are independent: where all drift together it is wider
    slope : [time], d ln σ/d ln τ about each
    """

    tau: Floats
    deviation: Floats
    low: Floats
    high: Floats
    slope: Floats

    @property
    def best(self) -> int:
        """The shortest averaging time that is as good as any: no longer one gains a tenth that is sure."""
        return int(np.argmax(self.deviation <= WORTH * self.high.min()))

    @property
    def still_falling(self) -> bool:
        """Whether the run ends before averaging stops paying."""
        return self.best >= len(self.tau) - 2


def allan_deviation(values: Floats, interval: float) -> Allan:
    """Deviation at averaging times of 1, 2, 4, … intervals, up to a quarter of the run.

    values : [time], or [time, component] of a vector, whose variances add up: each the average over one interval, s

    Raises ValueError for a run of fewer than 16.
    """
    rows = np.asarray(values, dtype=np.float64)
    rows = rows[:, None] if rows.ndim == 1 else rows
    count = len(rows)
    if count < FEWEST:
        raise ValueError(f"a run of {count} averages holds no slope; take {FEWEST} or more")
    # sums of m neighbours without the mean, which no difference holds
    total = np.vstack([np.zeros(rows.shape[1]), np.cumsum(rows - rows.mean(axis=0), axis=0)])
    lengths = [2**k for k in range(int(np.log2(count / 4)) + 1)]
    variance = np.empty(len(lengths))
    for k, m in enumerate(lengths):
        steps = total[2 * m :] - 2 * total[m:-m] + total[: -2 * m]
        variance[k] = np.mean(np.sum(steps**2, axis=1)) / (2 * m**2)
    deviation = np.sqrt(variance)
    tau = interval * np.array(lengths, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.nan_to_num(np.gradient(np.log(deviation), np.log(tau))) if len(tau) > 1 else np.zeros(1)
    degrees = rows.shape[1] * np.array([_degrees(count, m, s) for m, s in zip(lengths, slope, strict=True)])
    tail = (1 - CONFIDENCE) / 2
    low, high = (deviation * np.sqrt(degrees / chi2.ppf(p, degrees)) for p in (1 - tail, tail))
    return Allan(tau, deviation, np.asarray(low), np.asarray(high), np.asarray(slope))


def _degrees(averages: int, m: int, slope: float) -> float:
    """Degrees of freedom of the variance at m intervals (NIST SP 1065, table of edf), by the noise that a slope is."""
    n = averages + 1  # phases
    if slope < -QUARTER:
        return float((3 * (n - 1) / (2 * m) - 2 * (n - 2) / n) * 4 * m**2 / (4 * m**2 + 5))
    if slope <= QUARTER:
        return float(2 * (n - 2) ** 2 / (2.3 * n - 4.9) if m == 1 else 5 * n**2 / (4 * m * (n + 3 * m)))
    return float((n - 2) / m * ((n - 1) ** 2 - 3 * m * (n - 1) + 4 * m**2) / (n - 3) ** 2)

"""Design help: which time scale and range of a learning circuit is tight, how fast it learns, where offsets take it.

The circuit is a sampled extremum seeker. Averaging over its tones is exact as long as what they vary is slow beside
them, one inequality after the other: tone period ≪ window ≪ learning (Krstić & Wang, Automatica 36, 595 (2000), doi
10.1016/S0005-1098(99)00183-1, for continuous loops; Ariyur & Krstić, Real-Time Optimization by Extremum-Seeking
Control, 2003). Here a window holds whole periods, so that the first is met without a remainder; what is left to choose
are the spacing of the tones, the dead time, the change of the controls in an epoch and the ranges of the parts.
"""

from dataclasses import dataclass

import numpy as np

from hge_spice.drive import Floats
from hge_spice.materia.circuit import SHARE, Circuit
from hge_spice.materia.parts import REFERENCE, SCALE

RESOLVED, SLOW, HEADROOM, FALSE = 1.0, 0.3, 1.0, 0.1  # bounds; SLOW and FALSE are ours


@dataclass(frozen=True)
class Inequality:
    """One that a design must keep: value ≤ bound.

    use : value over bound, 1 where it is just met; remedy : what to change where it is exceeded
    """

    name: str
    value: float
    bound: float
    remedy: str

    @property
    def use(self) -> float:
        """Share of the bound that is used up."""
        return self.value / self.bound


def inequalities(
    circuit: Circuit, jacobian: Floats, moved: Floats, longest: float | None = None
) -> tuple[Inequality, ...]:
    """What must hold, the tightest first.

    jacobian : [pattern, control], V/V at the transimpedance amplifier, at the first controls; moved : the same, every
    control one rate further in the direction in which it is pushed; longest : s, time constant of the device,
    where it is known
    """
    schedule, parts = circuit.schedule, circuit.parts
    frequencies = np.sort([tone.frequency for tone in circuit.tones])
    apart = float(min([frequencies[0], *np.diff(frequencies)]))
    amplitude = np.array([tone.amplitude for tone in circuit.tones])
    size = float(np.linalg.norm(jacobian))
    swing = float((np.abs(jacobian) @ (amplitude + circuit.rate)).max()) * circuit.swing_gain
    mixing = [0.0 if parts.chopped else abs(each.output_offset) for each in parts.mixers]
    false = 2 * SCALE * np.array(mixing) / (circuit.swing_gain * amplitude * REFERENCE)
    largest = np.abs(jacobian).max(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        wrong = float(np.nan_to_num(false / largest, posinf=np.inf).max())
    dead = schedule.begin * schedule.step
    found = [
        Inequality("1/window over the tones' spacing", 1 / schedule.window / apart, RESOLVED, "a longer window"),
        *(
            []
            if longest is None
            else [Inequality("five time constants of the device over the dead time", 5 * longest / dead, 1.0, "settle")]
        ),
        Inequality(
            "change of the derivatives in one step, relative",
            float(np.linalg.norm(moved - jacobian)) / size if size else 0.0,
            SLOW,
            "a smaller rate",
        ),
        Inequality("share of the way to the targets in an epoch", SHARE, 2.0, "none"),
        Inequality("swing at the mixers over their range", swing / min(parts.amplifier.rail, SCALE), HEADROOM, "gain"),
        Inequality("false over true derivative, from mixer offsets", wrong, FALSE, "chopping, or a larger amplitude"),
    ]
    return tuple(sorted(found, key=lambda each: -each.use))


@dataclass(frozen=True)
class Drift:
    """Where offsets behind the lock-ins take a loop whose step is divided by the derivatives' power.

    error : V, at which Σ e·dy/dV and the offsets balance along the gradient; per_epoch : [control], V, what is left
    across it, and moves the controls without being seen
    """

    error: float
    per_epoch: Floats


def drift(slope: Floats, offsets: Floats) -> Drift:
    """Averaged model of one pattern: ΔV_k = −SHARE·(e·g_k + o_k)/|g|², o = offset·10 V/5 V.

    slope : [control], g = dy/dV, V/V; offsets : [control], V, of the second multipliers
    """
    pushed = np.asarray(offsets) * SCALE / REFERENCE
    power = float(slope @ slope)
    along = float(slope @ pushed) / power
    return Drift(-along, -SHARE * (pushed - along * slope) / power)


def epochs_to(share: float) -> float:
    """Epochs after which an error is down to a share of itself, where the limiter is far: (1 − SHARE)^n."""
    return float(np.log(share) / np.log(1 - SHARE))

"""Design help: which time scale and range of a learning circuit is tight, how fast it learns, where offsets take it.

A trajectory is the averaged model's (averaged.py); here are its closed forms: speeds, standing errors and drifts.

The circuit is a sampled extremum seeker. Averaging over its tones is exact as long as what they vary is slow beside
them, one inequality after the other: tone period ≪ window ≪ learning (Krstić & Wang, Automatica 36, 595 (2000), doi
10.1016/S0005-1098(99)00183-1, for continuous loops; Ariyur & Krstić, Real-Time Optimization by Extremum-Seeking
Control, 2003). Here a window holds whole periods, so that the first is met without a remainder; what is left to choose
are the spacing of the tones, the dead time, the change of the controls in an epoch and the ranges of the parts.
"""

from dataclasses import dataclass

import numpy as np

from hge_spice.drive import Floats
from hge_spice.materia.averaged import mixed, multiplied
from hge_spice.materia.circuit import SHARE, Circuit
from hge_spice.materia.error import ERRORS, needed
from hge_spice.materia.parts import REFERENCE, SCALE

PERIOD, SLOW, HEADROOM, FALSE = 1e-3, 0.3, 1.0, 0.1  # bounds, all ours but HEADROOM
TARGET = 5e-3  # of a target, within which it counts as reached


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
    circuit: Circuit, outputs: Floats, jacobian: Floats, moved: Floats, longest: float | None = None
) -> tuple[Inequality, ...]:
    """What must hold, the tightest first.

    outputs : [pattern], V, and jacobian : [pattern, control], V/V, at the transimpedance amplifier, at the first
    controls; moved : the same derivatives, every control one rate further in the direction in which it is pushed;
    longest : s, time constant of the device, where it is known
    """
    schedule = circuit.schedule
    periods = np.sort([tone.frequency * schedule.window for tone in circuit.tones])
    # whole periods that differ are orthogonal, however near; two of one frequency are one
    apart = np.diff(periods, prepend=0.0).min() > PERIOD
    left = float(np.abs(periods - np.round(periods)).max()) if apart else np.inf
    amplitude = np.array([tone.amplitude for tone in circuit.tones])
    size = float(np.linalg.norm(jacobian))
    swing = float((np.abs(jacobian) @ (amplitude + circuit.rate)).max()) * circuit.swing_gain
    false = np.abs(mixed(circuit, np.zeros(len(amplitude)), moved=0.0)) / circuit.lockin_scale
    largest = np.abs(jacobian).max(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        wrong = float(np.nan_to_num(false / largest, posinf=np.inf).max())
    dead = schedule.begin * schedule.step
    found = [
        Inequality("part of a period that the window leaves of a tone", left, PERIOD, "tones at multiples of 1/window"),
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
        Inequality("swing at the mixers over their range", swing / _reach(circuit), HEADROOM, "gain"),
        Inequality(
            "lock-ins over the range of the multipliers behind them",
            float(np.abs(jacobian).max())
            * circuit.lockin_scale
            / min(SCALE, *(m.range for m in circuit.parts.multipliers)),
            HEADROOM,
            "gain",
        ),
        Inequality(
            "false over true derivative, from mixer offsets", wrong, FALSE, "chopping, auto-zero, or a larger amplitude"
        ),
        Inequality(
            "droop of a control in an epoch over the rate", _droop(circuit), FALSE, "a slower leak, or a larger rate"
        ),
        *_of_the_rule(circuit, outputs, jacobian),
    ]
    return tuple(sorted(found, key=lambda each: -each.use))


def _reach(circuit: Circuit) -> float:
    """V, that a mixer's input may reach."""
    ranges = [getattr(mixer, "range", np.inf) for mixer in circuit.parts.mixers]
    return min(circuit.parts.amplifier.rail, SCALE, *ranges)


def _droop(circuit: Circuit) -> float:
    """What a leak takes from a control at the end of its range in an epoch, over the rate."""
    lost = -np.expm1(-circuit.schedule.epoch / circuit.parts.leak)
    return float(max(map(abs, circuit.control_range)) * lost / circuit.rate)


def _of_the_rule(circuit: Circuit, outputs: Floats, jacobian: Floats) -> list[Inequality]:
    """What an error formation asks for."""
    at_rest = resting_push(circuit, jacobian)
    if ERRORS[circuit.error].divisor == "power":
        level = np.abs(circuit.teacher.levels).min() if circuit.teacher.levels is not None else 1.0
        locked = circuit.lockin_scale * jacobian
        standing = float(np.abs(standing_error(locked, at_rest)).max() / level) if level and jacobian.any() else 0.0
        return [
            Inequality("share of the way to the targets in an epoch", SHARE, 2.0, "none"),
            Inequality("standing error over the target, from offsets", standing, TARGET, "chopping or auto-zero"),
        ]
    need = needed(outputs, circuit.teacher)
    return [
        Inequality(
            "drift at rest over the rate, from offsets",
            float((np.abs(resting_drift(circuit, at_rest)) / circuit.rate).max()),
            FALSE,
            "chopping or auto-zero",
        ),
        Inequality(
            "change of an output's distance from the mean in an epoch over the margin",
            float(speeds(circuit, jacobian).max() / need) if need else np.inf,
            1.0,
            "a smaller rate",
        ),
    ]


def resting_push(circuit: Circuit, jacobian: Floats) -> Floats:
    """[control], V: what the integrators of the epoch hold where no pattern pushes, all of it by the parts' errors."""
    return np.asarray(sum(multiplied(circuit, mixed(circuit, slope, 0.0), 0.0) for slope in jacobian))


def resting_drift(circuit: Circuit, push: Floats) -> Floats:
    """[control], V an epoch, that the margin rule's controls move at rest: −rate·a/max(floor, |a|).

    A peak detector that sees nothing but an offset follows it down to its floor, and no further: offsets above the
    floor move a control as fast as a whole gradient would.
    """
    return -circuit.rate * push / np.maximum(circuit.floor * circuit.lockin_scale, np.abs(push))


def speeds(circuit: Circuit, jacobian: Floats) -> Floats:
    """[pattern], V an epoch: fastest change of an output's distance from the mean, by the margin rule.

    While forces last each derivative is its own recent peak, so that each control moves by the whole rate:
    rate·Σ_k |∂(I_p − Ī)/∂V_k|.
    """
    return np.asarray(circuit.rate * np.abs(jacobian - jacobian.mean(axis=0)).sum(axis=1))


def standing_error(locked: Floats, push: Floats) -> Floats:
    """[pattern], V, by which squared errors come to rest off their targets: Σ_p e_p·g_p = −a, the least that do.

    locked : [pattern, control], V, what the lock-ins hold; push : [control], V, see `resting_push`
    """
    return np.asarray(-np.linalg.pinv(locked.T) @ push)


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

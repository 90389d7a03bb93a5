"""A linear read-out of several outputs: weights by least squares, and the class or value they decide for."""

from dataclasses import dataclass

import numpy as np

from hge_spice.drive import Floats

TINY = 1e-12  # of the outputs' mean square: what keeps the weights of equal outputs finite where no noise is stated


@dataclass(frozen=True)
class LinearReadout:
    """weights : [output, column], per A; offset : [column]; left : share of the wanted columns' variance not met."""

    weights: Floats
    offset: Floats
    left: float

    def scores(self, outputs: Floats) -> Floats:
        """What the weights make of outputs [pattern, output], A, or [pattern]: [pattern, column]."""
        return np.asarray(columns(outputs) @ self.weights + self.offset)


def columns(outputs: Floats) -> Floats:
    """Outputs as [pattern, output], of which there may be one."""
    return outputs if outputs.ndim == 2 else outputs[:, None]


def fit(outputs: Floats, wanted: Floats, noise: float = 0.0) -> tuple[LinearReadout, Floats]:
    """Weights and offset of least squares, and the derivative of `left` by the outputs, in their shape, 1/A.

    outputs : [pattern, output], A, or [pattern]; wanted : [pattern, column]; noise : A, of one read-out

    Read-out noise σ adds N·σ²·|w|² to the squared error of N patterns in the mean: that is the ridge. Since the weights
    are the best for these outputs, their own change with the outputs doesn't move the error (variable projection:
    Golub & Pereyra, SIAM J. Numer. Anal. 10, 413 (1973)), and the derivative is exact.

    Raises ValueError where the wanted columns are all constant.
    """
    found, target = columns(outputs), wanted - wanted.mean(axis=0)
    total = float(np.sum(target**2))
    if not total:
        raise ValueError("the patterns are all of one class; there is nothing to tell apart")
    mean = found.mean(axis=0)
    centred = found - mean
    size = float(np.sum(centred**2))
    ridge = len(found) * noise**2 + TINY * size
    if not size:
        nothing = np.zeros((found.shape[1], wanted.shape[1]))
        return LinearReadout(nothing, wanted.mean(axis=0), 1.0), np.zeros_like(outputs)
    # in units of the outputs' own spread: currents are of the order of 1e-9, and their squares of 1e-18
    gram = centred.T @ centred / size + ridge / size * np.eye(found.shape[1])
    weights = np.linalg.solve(gram, centred.T @ target / size)
    residual = target - centred @ weights
    left = float(np.sum(residual**2) + ridge * np.sum(weights**2)) / total
    # the tiny share that keeps it solvable grows with the outputs too, by far less than they are known
    slope = -2 * residual @ weights.T / total
    return LinearReadout(weights, wanted.mean(axis=0) - mean @ weights, left), slope.reshape(outputs.shape)


def residuals(outputs: Floats, wanted: Floats, noise: float = 0.0) -> tuple[Floats, Floats]:
    """What the best read-out leaves, r with r·r = `left`, and dr by the outputs, 1/A: [residual, pattern by output].

    outputs, wanted, noise : as in `fit`. The weights' own change is in the derivative: with A the outputs above the
    ridge, y the wanted values above zeros, P = 1 − A·A⁺ and r = P·y, it is −(P·dA·A⁺ + (P·dA·A⁺)ᵀ)·y (Golub & Pereyra).
    """
    found, target = columns(outputs), wanted - wanted.mean(axis=0)
    patterns, count = found.shape
    centred = found - found.mean(axis=0)
    size = float(np.sum(centred**2))
    total = np.sqrt(np.sum(target**2))
    above = np.concatenate([target / total, np.zeros((count, wanted.shape[1]))])
    if not size:
        return above.ravel(), np.zeros((above.size, outputs.size))
    ridge = np.sqrt((patterns * noise**2 + TINY * size) / size)
    spread = np.sqrt(size)
    table = np.concatenate([centred / spread, ridge * np.eye(count)])
    inverse = np.linalg.pinv(table)
    left = above - table @ (inverse @ above)
    across = (np.eye(len(table)) - table @ inverse)[:, :patterns]
    across = across - across.mean(axis=1, keepdims=True)  # outputs count from their mean
    slope = np.einsum("ip,oc->icpo", across, inverse @ above) + np.einsum("oi,pc->icpo", inverse, left[:patterns])
    return left.ravel(), -slope.reshape(left.size, outputs.size) / spread


@dataclass(frozen=True)
class Decision:
    """A read-out and what it says of a pattern: of two classes by a threshold, of more the column that is highest."""

    readout: LinearReadout
    threshold: float

    @classmethod
    def learned(cls, outputs: Floats, classes: Floats, wanted: Floats, noise: float = 0.0) -> "Decision":
        """From training patterns alone: weights by least squares, then the threshold with the fewest mistakes on them.

        outputs : as in `fit`; classes : [pattern]; wanted : [pattern, column]
        """
        readout, _ = fit(outputs, wanted, noise)
        if wanted.shape[1] > 1:
            return cls(readout, np.nan)
        return cls(readout, best_threshold(readout.scores(outputs)[:, 0], classes))

    def decided(self, outputs: Floats) -> Floats:
        """The class of each pattern, by its number: [pattern]."""
        scores = self.readout.scores(outputs)
        if scores.shape[1] > 1:
            return np.asarray(np.argmax(scores, axis=1), dtype=float)
        return np.asarray(scores[:, 0] > self.threshold, dtype=float)


def best_threshold(scores: Floats, classes: Floats) -> float:
    """The threshold above which to say 1 with the fewest mistakes; of several in a row the middle of the widest gap."""
    order = np.argsort(scores, kind="stable")
    ordered, ones = scores[order], classes[order] > 0.5
    # mistakes of a threshold below pattern k: the ones under it and the zeros from it on
    mistakes = np.concatenate([[0], np.cumsum(ones)]) + np.concatenate([np.cumsum(~ones[::-1])[::-1], [0]])
    edges = np.concatenate([[ordered[0] - 1], ordered, [ordered[-1] + 1]])
    width = np.diff(edges)
    possible = width > 0
    fewest = mistakes[possible].min()
    chosen = np.flatnonzero(possible & (mistakes == fewest))
    best = int(chosen[np.argmax(width[chosen])])
    return float(0.5 * (edges[best] + edges[best + 1]))

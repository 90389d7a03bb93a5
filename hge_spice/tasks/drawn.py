"""Tasks that are drawn: points in a square or a cube with their classes, and a curve to follow."""

import numpy as np

from hge_spice.drive import Floats
from hge_spice.tasks.task import Task, kept_apart

SPHERE = (3 / (8 * np.pi)) ** (1 / 3)  # radius, in edges of the cube, of the sphere that fills half of it


def _wanted(name: str, train: int, test: int) -> int:
    if train < 2 or test < 1:
        raise ValueError(f"{name} with {train} patterns to train on and {test} to test; take 2 and 1 at least")
    return train + test


def ring(*, train: int = 100, test: int = 400, margin: float = 0.1, rng: np.random.Generator) -> Task:
    """A disc (1) and the ring around it (0), as many points of each; margin : the gap between them, in edges."""
    if not 0 <= margin < 0.5:
        raise ValueError(f"a margin of {margin:g} leaves no ring; take 0 to below 0.5")
    count = _wanted("ring", train, test)
    classes = np.arange(count) % 2
    outer, inner = 0.5, (0.5 - margin) / np.sqrt(2)
    lower = np.where(classes > 0, 0.0, inner + margin)
    upper = np.where(classes > 0, inner, outer)
    radius = np.sqrt(rng.uniform(lower**2, upper**2))  # even over the area
    angle = rng.uniform(0, 2 * np.pi, count)
    points = 0.5 + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _drawn("ring", points, classes, train, rng, border=inner + margin / 2)


def sphere(*, train: int = 200, test: int = 400, margin: float = 0.0, rng: np.random.Generator) -> Task:
    """Inside (1) or outside (0) of the sphere that fills half of a cube; margin : a shell left out.

    After the task of three inputs in Boon et al., Nature Communications 2025, doi 10.1038/s41467-025-65155-7; the
    radius and the points are ours.
    """
    if not 0 <= margin < SPHERE:
        raise ValueError(f"a margin of {margin:g} leaves no sphere; take 0 to below {SPHERE:.3g}")
    count = _wanted("sphere", train, test)
    points = np.empty((0, 3))
    while len(points) < count:
        more = rng.uniform(0, 1, (count, 3))
        distance = np.linalg.norm(more - 0.5, axis=1) - SPHERE
        points = np.concatenate([points, more[np.abs(distance) >= margin / 2]])
    points = points[:count]
    inside = np.linalg.norm(points - 0.5, axis=1) < SPHERE
    return _drawn("sphere", points, inside, train, rng, border=SPHERE)


def two_moons(*, train: int = 100, test: int = 400, noise: float = 0.1, rng: np.random.Generator) -> Task:
    """Two half circles of radius 1 that reach into each other; noise : spread of each coordinate, in radii."""
    if noise < 0:
        raise ValueError(f"the noise is {noise:g}; it must not be negative")
    count = _wanted("two_moons", train, test)
    classes = np.arange(count) % 2
    angle = rng.uniform(0, np.pi, count)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    points = np.where(classes[:, None] > 0, lower, upper) + rng.normal(0, noise, (count, 2))
    corner, size = np.array([-1.25, -0.75]), np.array([3.5, 2.0])
    return _drawn("two_moons", (points - corner) / size, classes, train, rng)


def noisy_xor(
    *, train: int = 100, test: int = 400, margin: float = 0.2, noise: float = 0.05, rng: np.random.Generator
) -> Task:
    """XOR of which half each input lies in; margin : kept free around the middle, noise : added to the inputs after."""
    if not 0 <= margin < 1 or noise < 0:
        raise ValueError(f"a margin of {margin:g} and noise of {noise:g}; take 0 to below 1, and 0 or more")
    count = _wanted("noisy_xor", train, test)
    corner = rng.integers(0, 2, (count, 2))
    points = np.where(corner > 0, 1, -1) * rng.uniform(margin / 2, 0.5, (count, 2)) + 0.5
    return _drawn("noisy_xor", points + rng.normal(0, noise, (count, 2)), corner.sum(axis=1) % 2, train, rng)


def sine(*, train: int = 50, test: int = 200, rng: np.random.Generator) -> Task:
    """A regression: one period of a sine, from 0 to 1, of one input."""
    points = rng.uniform(0, 1, (_wanted("sine", train, test), 1))
    values = 0.5 + 0.5 * np.sin(2 * np.pi * points[:, 0])
    return _drawn("sine", points, values, train, rng, labels=())


def _drawn(
    name: str,
    points: Floats,
    classes: np.ndarray,
    train: int,
    rng: np.random.Generator,
    labels: tuple[str, ...] = ("0", "1"),
    border: float | None = None,
) -> Task:
    bits = np.clip(points, 0.0, 1.0)
    return Task(
        name,
        summary=name,
        labels=labels,
        features=tuple("xyz"[: points.shape[1]]),
        clipped=int((bits != points).sum()),
        border=border,
        **kept_apart(bits, np.asarray(classes, dtype=float), train, rng),
    )

"""Fits that must come to an end, against numpy's where that does."""

import numpy as np
import pytest

from hge_spice.lockin.least_squares import fitted, pseudo_inverse


@pytest.mark.parametrize("rank", [7, 5])
def test_pseudo_inverse_is_moore_and_penroses_at_any_rank(rank: int) -> None:
    rng = np.random.default_rng(rank)
    design = rng.normal(size=(40, rank)) @ rng.normal(size=(rank, 7))
    inverse, found = pseudo_inverse(design)
    assert found == rank
    np.testing.assert_allclose(inverse, np.linalg.pinv(design, rcond=1e-12), atol=1e-12)


def test_tones_with_lost_samples_come_to_an_end() -> None:
    """Of such matrices, all well conditioned, numpy's pinv gave one of some dozens up."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        time = (np.arange(400) / 400)[rng.random(400) > 0.004]
        angle = 2 * np.pi * np.outer(time, np.arange(1, 31))
        design = np.hstack([np.ones((len(time), 1)), np.sin(angle), np.cos(angle)])
        inverse, rank = pseudo_inverse(design)
        assert rank == 61
        np.testing.assert_allclose(inverse @ design, np.eye(61), atol=1e-12)


def test_a_fit_is_the_pseudo_inverse_times_the_values() -> None:
    rng = np.random.default_rng(3)
    design, values = rng.normal(size=(30, 6)), rng.normal(size=30)
    np.testing.assert_allclose(fitted(design, values), pseudo_inverse(design)[0] @ values, atol=1e-13)

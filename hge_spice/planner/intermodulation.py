"""The intermodulation table: which products of tones land on which tone, aliases counted."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Hit:
    """One intermodulation product that lands on a tone.

    Products of order 2 are h_i ± h_j, 2h_i among them; of order 3, ±h_i ± h_j ± h_k, 3h_i and 2h_i ± h_j among them;
    and so on. Each counts once, whatever its overall sign. Where a pair cancels, as in h + k − k, there is no product.
    A product lands on a tone when both appear in one bin after sampling; the tone may be one of the product's own
    constituents.

    product : the signed harmonics whose sum it is, (9, 9, -13) for 2·9 − 13
    bin : where it appears, in harmonics of 1/window
    tone : the harmonic of the tone it lands on
    """

    product: tuple[int, ...]
    order: int
    bin: int
    tone: int

    def __str__(self) -> str:
        terms = sorted(self.product, reverse=True)
        text = f"{terms[0]}" + "".join(f" {'+' if term > 0 else '−'} {abs(term)}" for term in terms[1:])
        total = sum(self.product)
        seen = "" if total == self.bin else f", seen at {self.bin} by its alias,"
        return f"{text} = {total}{seen} lands on {self.tone}"


def alias_bins(harmonics: ArrayLike, points: int) -> Integers:
    """Where harmonics appear after sampling: |((m + N/2) mod N) − N/2|, same shape, between 0 and N/2."""
    residues = np.asarray(harmonics, dtype=np.int64) % points
    return np.minimum(residues, points - residues)


def intermodulation_hits(harmonics: Sequence[int], points: int, order: int) -> list[Hit]:
    """Every product of this order that lands on a tone, aliases included, as `Hit` defines it.

    All are written out, (2n)^order / order! of them; `count_hits` only counts, and takes any order.
    """
    signed = products(harmonics, order)
    # Of the two overall signs, the one that people write: 2·9 − 5, not 5 − 2·9.
    signed[signed.sum(axis=1) < 0] *= -1
    bins, tone_bins = alias_bins(signed.sum(axis=1), points), alias_bins(harmonics, points)
    landed = np.flatnonzero(np.isin(bins, tone_bins))
    rows, tones = np.nonzero(bins[landed, None] == tone_bins)
    return [
        Hit(tuple(signed[row].tolist()), order, int(bins[row]), int(harmonics[tone]))
        for row, tone in zip(landed[rows], tones.tolist(), strict=True)
    ]


@cache
def signed_terms(count: int, order: int) -> tuple[Integers, Integers]:
    """Which tones each product is made of and with which signs: two arrays [product, order]."""
    sets = np.array(list(itertools.combinations_with_replacement(range(count), order)), dtype=np.int64)
    signs = np.array([(1, *rest) for rest in itertools.product((1, -1), repeat=order - 1)], dtype=np.int64)
    index, sign = np.repeat(sets, len(signs), axis=0), np.tile(signs, (len(sets), 1))
    cancels = np.zeros(len(index), dtype=bool)
    for a, b in itertools.combinations(range(order), 2):
        cancels |= (index[:, a] == index[:, b]) & (sign[:, a] != sign[:, b])
    return index[~cancels], sign[~cancels]


def products(harmonics: Sequence[int], order: int) -> Integers:
    """The signed harmonics that make up each product of that order: [product, order]; their sum is where it falls."""
    index, sign = signed_terms(len(harmonics), order)
    return sign * np.asarray(harmonics, dtype=np.int64)[index]


def degrees_of_freedom(harmonics: Sequence[int], points: int) -> int:
    """Points that are left when mean, tones and their 2nd-order products are fitted, aliases counted once."""
    bins = {0}.union(*(alias_bins(products(harmonics, order).sum(axis=1), points).tolist() for order in (1, 2)))
    return points - sum(1 if 2 * b in {0, points} else 2 for b in bins)


def count_products(harmonics: Sequence[int], points: int, order: int) -> Integers:
    """How many products of this order appear in each bin from 0 to half the points: [bin].

    None is written out: tone by tone, those that hold it m times with one sign, ±m·h, are added to those without it,
    as in a product of generating functions on the residues of `points`. Beyond 9·10^18 products counts overflow.
    """
    counts = np.zeros((order + 1, points), dtype=np.int64)
    counts[0, 0] = 1
    for harmonic in harmonics:
        before = counts.copy()
        for times in range(1, order + 1):
            for sign in (1, -1):
                counts[times:] += np.roll(before[: order + 1 - times], sign * times * harmonic, axis=1)
    signed = counts[order, : points // 2 + 1]
    # a product and its negative are one: they lie in residues b and −b, which are the same in bin 0 and at half
    signed[0] //= 2
    if points % 2 == 0:
        signed[-1] //= 2
    return signed


def count_hits(harmonics: Sequence[int], points: int, order: int) -> int:
    """How many products of this order land on a tone, aliases included: as many as `intermodulation_hits` has."""
    return int(count_products(harmonics, points, order)[alias_bins(harmonics, points)].sum())


def hit_counts(harmonics: Sequence[int], points: int) -> tuple[int, int]:
    """How many products of 2nd and of 3rd order fall on a tone, aliases counted."""
    second, third = (len(intermodulation_hits(harmonics, points, order)) for order in (2, 3))
    return second, third

"""Plans without hits of any size, constructed from finite fields without a search."""

import itertools
import math
from collections.abc import Iterator

from hge_spice.planner.placement import UNLIMITED, narrowest_multiple


def _construction(count: int) -> Iterator[tuple[int, list[int]]]:
    """Plans without hits of (q − 1)/2 ≥ `count` tones at q² + 1 points, for every prime q.

    Let θ² = w be in the field of q² elements, but not a square there. Modulo factors from that field, the elements
    a + θ with a ≠ 0 of the field of q elements are powers g^k of one g of order q² + 1; their exponents k are the
    tones, since −k belongs to −a. Four exponents add up to 0 only if the odd part in θ of (a+θ)(b+θ)(c+θ)(d+θ)
    vanishes, that is w·(a+b+c+d) + abc+abd+acd+bcd = 0. As w is not in the field of q elements both sums vanish, so
    (a+b)(a+c)(b+c) = 0: a pair cancels. Three or two exponents fail likewise, and so does half of q² + 1 (a = 0).
    """
    for q in itertools.count(2 * count + 1, 2):
        if any(q % divisor == 0 for divisor in range(3, math.isqrt(q) + 1, 2)):
            continue
        squares = {x * x % q for x in range(q)}
        d = next(x for x in range(2, q) if x not in squares)
        # w = e + √d is no square there because its norm e² − d is none here.
        e = next(x for x in range(q) if (x * x - d) % q not in squares)
        for s in range(1, q):
            # g = s + θ; its power is (x + y√d) + (u + v√d)θ, with x + y√d in ratio a to u + v√d at a tone.
            x, y, u, v = 1, 0, 0, 0
            tones, power = [], 0
            while power == 0 or u or v:
                x, y, u, v = (s * x + e * u + d * v) % q, (s * y + u + e * v) % q, (x + s * u) % q, (y + s * v) % q
                power += 1
                if (y * u - x * v) % q == 0 and 2 * power < q * q + 1:
                    tones.append(power)
            if power == q * q + 1:
                yield q * q + 1, tones
                break


def constructed(count: int, low: int, high: int, avoid: int = 0) -> tuple[int, tuple[int, ...]] | None:
    """Points and the plan of the first construction that has so many harmonics within the limits."""
    for points, tones in _construction(count):
        found = narrowest_multiple(tones, count, points, low, high, avoid)
        if found:
            return points, found
        # Wider plans hold fewer tones below a limit, but more above one.
        if high < UNLIMITED:
            break
    return None

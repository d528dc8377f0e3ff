"""How far the median of slices wanders by chance."""

import random
from collections.abc import Sequence
from math import isqrt, log
from statistics import median

Values = Sequence[float | None]

DRAWS = 2_000
CONFIDENCE = 0.99
"""Of each figure; there are six, so 95 % would too often find something in one of them."""


def ratios(a: Values, b: Values) -> list[float]:
    """Return the logarithms of B / A of the slices that both have."""
    return [log(y / x) for x, y in zip(a, b, strict=False) if x and y]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return between what the median of such values lies, by drawing blocks of neighbours."""
    chance = random.Random(0)  # The same runs always get the same answer.
    count, length = len(values), max(1, isqrt(len(values)))
    ring = [*values, *values[:length]]
    blocks = -(-count // length)
    medians = sorted(
        median(
            value
            for begin in (chance.randrange(count) for _ in range(blocks))
            for value in ring[begin : begin + length]
        )
        for _ in range(DRAWS)
    )
    tail = int(DRAWS * (1 - CONFIDENCE) / 2)
    return medians[tail], medians[-1 - tail]

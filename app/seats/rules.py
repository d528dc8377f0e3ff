"""Where different buyers start reading a list of seats."""

from __future__ import annotations

from math import gcd

_GOLDEN = 0.6180339887498949
_MOST_TRIES, _SEATS_FOR_A_TRY = 16, 64
_LONGEST_LEASE, _SHORTEST_LEASE, _LEASES_PER_ROUND = 256, 8, 32


def stride(count: int) -> int:
    """A step near the golden section of `count` that visits all of 0 … count - 1 before repeating.

    Steps of the golden section leave neighbours in time far apart in space, whatever the number
    of draws: two buyers who come one after the other start in different parts of the venue.
    """
    step = max(1, round(count * _GOLDEN))
    while gcd(step, count) != 1:
        step += 1
    return step


def draw(number: int, count: int, step: int) -> int:
    """The index of the seat at which the buyer with this number starts; no two agree in a round."""
    return number * step % count


def tries(free: int) -> int:
    """How often to look for a place that nobody was just shown; in a small hall there is none."""
    return min(_MOST_TRIES, free // _SEATS_FOR_A_TRY)


def lease_size(free: int, count: int) -> int:
    """How many numbers to reserve: enough that some of them meet a free seat.

    A worker uses them up while others lease the next ones, so they come out of order by as much
    as one lease. When few seats are left that has to be little, or a seat is shown to a second
    buyer while the first one still decides.
    """
    buyers = max(_SHORTEST_LEASE, min(_LONGEST_LEASE, free // _LEASES_PER_ROUND))
    return min(count, buyers * count // max(1, free) + 1)

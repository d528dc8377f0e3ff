"""How the two outside services misbehave: a name, and what to turn at their simulators."""

from __future__ import annotations

import random
from typing import Any

from loadtest.chaos.world import STANDSTILL

Knobs = tuple[str, dict[str, Any]]

_GATEWAY_CALLS = ("init", "check", "confirm", "cancel")
_PROVIDER_WRITES = ("start", "select", "release", "submit", "confirm", "cancel")


def gateway_knobs(dice: random.Random) -> Knobs:
    """One way in which the gateway misbehaves."""
    chance = {"chance": dice.choice((0.3, 0.6, 1.0))}
    call, two = dice.choice(_GATEWAY_CALLS), dice.sample(_GATEWAY_CALLS, 2)
    late = dice.choice((500, 2500, 4000))
    hook = dice.choice(("lost", "doubled", "late", "reordered", "forged"))
    choices: list[Knobs] = [
        ("down", {"down": True}),
        (f"drop {call}", {call: {"drop": chance}}),
        (f"drop {call}", {call: {"drop": chance}}),
        (f"late {call}", {call: {"answer_latency_ms": late}}),
        (f"fail {' '.join(two)}", {name: {"fail": chance} for name in two}),
        (f"503 {call}", {call: {"fail": chance, "fail_status": 503}}),
        (f"429 {call}", {call: {"limit": chance, "retry_after": 2}}),
        ("the bank declines", {"cards": {"decline": chance}}),
        (f"webhooks {hook}", {"webhooks": {hook: chance}}),
        ("webhooks lost", {"webhooks": {"lost": {"chance": 1.0}}}),
    ]
    return dice.choice(choices)


def provider_knobs(dice: random.Random) -> Knobs:
    """One way in which the provider misbehaves."""
    chance = {"chance": dice.choice((0.2, 0.5, 1.0))}
    call, two = dice.choice(_PROVIDER_WRITES), dice.sample(_PROVIDER_WRITES, 2)
    racing = {name: {"race": {"chance": 1.0}, "latency_ms": 10} for name in ("select", "release")}
    choices: list[Knobs] = [
        ("down", {"down_seconds": dice.uniform(1.0, 4.0)}),
        (f"drop {call}", {call: {"drop": chance}}),
        ("drop select", {"select": {"drop": chance}}),
        (f"drop {' '.join(two)}", {name: {"drop": chance} for name in two}),
        (f"fail {' '.join(two)}", {name: {"fail": chance} for name in two}),
        (f"500 {call}", {call: {"fail": chance, "fail_status": 500}}),
        (f"slow {call}", {call: {"slow": chance, "slow_ms": dice.choice((800, 4000))}}),
        (f"late {call}", {call: {"answer_latency_ms": dice.choice((800, 4000))}}),
        ("fail reads", {"order": {"fail": chance}, "place": {"fail": chance}}),
        ("race", racing),
        ("standstill", {"standstill_seconds": dice.uniform(1.0, STANDSTILL)}),
    ]
    return dice.choice(choices)

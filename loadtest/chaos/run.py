"""One run: start the world, let buyers and mischief loose, come to rest, compare."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from locust.env import Environment

from loadtest.chaos import sums
from loadtest.chaos.audit import audit
from loadtest.chaos.buyers import Buyer, Fair
from loadtest.chaos.calls import Counts
from loadtest.chaos.collect import collect, keep_evidence
from loadtest.chaos.facts import Difference
from loadtest.chaos.foreigner import Foreigner
from loadtest.chaos.memory import Memory
from loadtest.chaos.mischief import Mischief, Trouble
from loadtest.chaos.settling import Settling, settle
from loadtest.chaos.watch import Watch
from loadtest.chaos.world import Plan, World

_FOREIGN_BEFORE = 12
_LAST_ROUND = 90.0


@dataclass(slots=True)
class Result:
    """Everything that the report tells."""

    plan: Plan
    counts: Counts
    troubles: list[Trouble] = field(default_factory=list)
    watch: dict[int, tuple[int, ...]] = field(default_factory=dict)
    settling: Settling = field(default_factory=Settling)
    differences: list[Difference] = field(default_factory=list)
    sums: list[sums.Row] = field(default_factory=list)
    stats: list[dict[str, Any]] = field(default_factory=list)
    statuses: dict[str, dict[str, int]] = field(default_factory=dict)
    complaints: Counter[str] = field(default_factory=Counter)
    """What our programs logged as errors."""
    promised: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def kills(self) -> Counter[str]:
        """How often what was killed, ended or frozen."""
        return Counter(trouble.kind for trouble in self.troubles if trouble.is_kill)

    @property
    def acts(self) -> Counter[str]:
        """How much the buyers achieved."""
        found: Counter[str] = Counter()
        for (_, deed), count in self.counts.deeds.items():
            found[deed] += count
        return found


def play(plan: Plan, folder: Path, longest: float) -> Result:
    """Play a run in a folder, which is emptied before. Raises CannotStartError."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    world, memory = World(plan, folder), Memory()
    say(f"seed {plan.seed}: {plan.seconds:.0f} s, the provider as {plan.mode}")
    try:
        world.start()
        foreigner = Foreigner(world)
        foreigner.buy_before(_FOREIGN_BEFORE)
        result = Result(plan, Counts())
        watch = Watch(world, result.counts.began)
        mischief = Mischief(world, memory, result.counts.began)
        for part in (watch, foreigner, mischief):
            part.start()
        _sell(world, memory, result)
        for part in (foreigner, mischief):
            part.finish()
        result.troubles = mischief.done
        say(f"  {result.kills.total()} kills; now everything behaves, and has to come to rest")
        result.settling = settle(world, longest, say)
        watch.finish()
        result.watch = watch.seen
        facts = collect(world, foreigner.orders)
        result.differences = audit(facts, memory)
        if result.differences:
            keep_evidence(world, folder / "evidence")
    finally:
        world.end()
        shutil.rmtree(folder / "postgres", ignore_errors=True)
    result.sums = sums.table(facts)
    result.statuses = _statuses(facts)
    result.promised = {
        "bookings acknowledged": len(memory.promises),
        "seen paid": sum(bool(p.confirmed) for p in memory.promises.values()),
        "seats that have to be there": sum(len(p.kept) for p in memory.promises.values()),
        "cancelled": sum(p.is_cancelled for p in memory.promises.values()),
        "excused by a reset": sum(p.is_excused for p in memory.promises.values()),
    }
    result.complaints = Counter(_complaints(folder))
    return result


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)


def _sell(world: World, memory: Memory, result: Result) -> None:
    class FairBuyer(Buyer):
        fair = Fair(world.plan, time.monotonic() + world.plan.seconds, memory, result.counts)

    environment = Environment(user_classes=[FairBuyer], host=world.service)
    environment.events.user_error.add_listener(
        lambda exception, **_: result.notes.append(f"a buyer failed: {exception!r}")
    )
    runner = environment.create_local_runner()
    try:
        runner.start(world.plan.buyers, spawn_rate=world.plan.buyers)
        runner.spawning_greenlet.join()
        runner.user_greenlets.join(timeout=world.plan.seconds + _LAST_ROUND)
    finally:
        runner.quit()
    result.stats = [
        {
            "name": f"{entry.method} {entry.name}",
            "requests": entry.num_requests,
            "failures": entry.num_failures,
            "p50": entry.get_response_time_percentile(0.5),
            "p95": entry.get_response_time_percentile(0.95),
            "longest": entry.max_response_time,
        }
        for entry in sorted(environment.stats.entries.values(), key=lambda e: -e.num_requests)
    ]


def _statuses(facts: Any) -> dict[str, dict[str, int]]:
    """How many of what are where."""
    return {
        "our bookings": Counter(one.status for one in facts.bookings),
        "our payments": Counter(one.status for one in facts.payments),
        "our refunds": Counter(one.status for one in facts.refunds),
        "our orders": Counter(one.status for one in facts.orders),
        "the gateway's payments": Counter(one.status for one in facts.gateway),
        "the provider's orders": Counter(one.status for one in facts.provider_orders),
    }


def _complaints(folder: Path) -> Iterator[str]:
    """What our programs logged as errors: short, so that the same ones are counted together."""
    for log in folder.glob("*.log"):
        for line in log.read_text(errors="replace").splitlines():
            if '"ERROR"' not in line and '"error"' not in line.lower():
                continue
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            is_ours = "was sent SIGKILL" in str(entry.get("message"))
            if str(entry.get("level", "")).upper() in {"ERROR", "CRITICAL"} and not is_ours:
                raised = str(entry.get("traceback", "")).strip().splitlines()[-1:]
                yield " — ".join([log.stem, str(entry.get("message", "")), *raised])[:200]


def summary(result: Result) -> Iterator[str]:
    """Yield the lines for a terminal."""
    kills = ", ".join(f"{count} × {kind}" for kind, count in result.kills.most_common())
    acts = ", ".join(f"{count} {deed}" for deed, count in result.acts.most_common())
    yield f"  survived    {kills}"
    yield f"  buyers      {acts}"
    yield f"  at rest     after {result.settling.seconds:.0f} s {result.settling.left or ''}"
    yield f"  by hand     {len(result.settling.deeds)} commands of an operator"
    for name, ours, gateway, provider in result.sums:
        columns = "".join(f"{'–' if v is None else v:>16}" for v in (ours, gateway, provider))
        yield f"  {name:<46}{columns}"
    for kind, count in Counter(one.kind for one in result.differences).most_common():
        yield f"  DIFFERENCE  {count} × {kind}"
    for difference in result.differences[:30]:
        yield f"    {difference.kind}: {difference.subject}: {difference.detail}"
    yield from (f"  note        {note}" for note in result.notes[:10])
    yield f"  differences {len(result.differences)}"

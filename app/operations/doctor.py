"""One screen that says whether money and seats agree, and whether anything waits for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, LiteralString

import msgspec

from app.kernel import errors, money, relay
from app.kernel.config import settings
from app.operations import differences, own_checks, queries, service
from app.operations.models import DifferenceKind, Finding
from app.system import service as system

_K = DifferenceKind
_LONG = 60.0
"""Seconds: what is due and waits longer has nobody who does it."""
_LATE = 3.0
"""So many times between two reconciliations."""
_ABOUT_MONEY = (
    _K.LINE_UNPAID, _K.PAYMENT_UNBALANCED, _K.REFUND_NOT_IN_LEDGER, _K.BOOKING_WITHOUT_PAYMENT,
    _K.PAYMENT_WITHOUT_BOOKING,
)  # fmt: skip
_SHOWN = 5

Findings = Mapping[DifferenceKind, list[Finding]]


class Line(msgspec.Struct, frozen=True):
    """One line of the screen."""

    name: str
    is_ok: bool
    text: str
    figures: dict[str, Any] = {}


def examine() -> list[Line]:
    """Look at everything now; reads only."""
    if wrong := system.obstacles():
        text = ", ".join(f"{name} {problem}" for name, problem in wrong.items())
        return [Line("database", False, text, dict(wrong))]
    lines = [Line("database", True, "reached, migrations are complete")]
    for look in (_workers, _lanes, _facts, _work, _differences, _reconciliation):
        lines += _looked(look)
    return lines


def _looked(look: Callable[[], Iterable[Line]]) -> list[Line]:
    try:
        return list(look())
    except errors.Problem as problem:
        return [Line(look.__name__.strip("_"), False, f"cannot be looked at: {problem}")]


_DUE: LiteralString = """
    SELECT 'payments', count(*), extract(epoch FROM clock_timestamp() - min(check_due_at))::float8
    FROM payments WHERE check_due_at <= clock_timestamp()
    UNION ALL
    SELECT 'orders', count(*), extract(epoch FROM clock_timestamp() - min(due_at))::float8
    FROM provider_orders
    WHERE due_at <= clock_timestamp() AND (status <> 'WANTED' OR asked_at IS NOT NULL)
    UNION ALL
    SELECT 'refunds', count(*), extract(epoch FROM clock_timestamp() - min(try_at))::float8
    FROM refunds r
    WHERE status IN ('DUE', 'STUCK') AND try_at <= clock_timestamp() AND NOT EXISTS (
        SELECT FROM refunds u WHERE u.order_id = r.order_id AND u.status = 'UNCLEAR')
    UNION ALL
    SELECT 'bookings', count(*), extract(epoch FROM clock_timestamp() - min(expires_at))::float8
    FROM bookings
    WHERE status IN ('CREATED', 'PAYMENT_INITIATED') AND expires_at <= clock_timestamp()
"""
_QUEUE = """
    SELECT count(*), extract(epoch FROM clock_timestamp() - min(wanted_at))::float8
    FROM provider_orders WHERE status = 'WANTED' AND asked_at IS NULL
"""
_ON_THE_WAY = """
    SELECT count(*), extract(epoch FROM clock_timestamp() - min(changed_at))::float8
    FROM provider_orders
    WHERE status <> ALL(%(rest)s) AND (status <> 'WANTED' OR asked_at IS NOT NULL)
"""


def _workers() -> Iterable[Line]:
    with queries.looking() as connection:
        due = {name: (count, age or 0.0) for name, count, age in connection.execute(_DUE)}
        queued, queued_age = connection.execute(_QUEUE).fetchone() or (0, None)
    backlog = relay.backlog()
    due["messages"] = (backlog.waiting, backlog.oldest_seconds)
    waits = [f"{name} {count} ({age:.0f} s)" for name, (count, age) in due.items() if count]
    is_ok = all(age <= _LONG for _, age in due.values())
    yield Line("workers", is_ok, f"due: {', '.join(waits) or 'nothing'}", {"due": due})
    text = f"{queued} orders wait for the provider, the oldest {queued_age or 0:.0f} s"
    yield Line("queue", True, text, {"orders": queued, "oldest_seconds": queued_age or 0.0})


def _lanes() -> Iterable[Line]:
    with queries.looking() as connection:
        values = {"rest": service.WITHOUT_DUTY}
        count, age = connection.execute(_ON_THE_WAY, values).fetchone() or (0, None)
    oldest = age or 0.0
    text = f"{count} orders are on their way, the slowest for {oldest:.0f} s"
    yield Line("lanes", oldest <= _LONG, text, {"orders": count, "slowest_seconds": oldest})


_LEDGER = """
    SELECT currency::text, kind, sum(amount_minor)::bigint FROM ledger GROUP BY 1, 2 ORDER BY 1, 2
"""
_UNDECIDED = """
    SELECT status, count(*), extract(epoch FROM clock_timestamp() - min(created_at))::float8
    FROM payments WHERE status IN ('INITIATED', 'OPEN', 'VOIDED', 'ACCEPTED', 'CAPTURED')
    GROUP BY status ORDER BY status
"""


def _facts() -> Iterable[Line]:
    """Money and seats, and whether our tables agree about them."""
    found = own_checks.check_all()
    yield from _money(found)
    yield from _seats(found)
    for kind, findings in found.items():
        if findings:
            some = ", ".join(one.subject for one in findings[:_SHOWN])
            more = "" if len(findings) <= _SHOWN else ", …"
            text = f"{kind}: {len(findings)} ({some}{more})"
            yield Line("check", False, text, {"kind": kind, "count": len(findings)})
    good = sum(not findings for findings in found.values())
    yield Line("checks", good == len(found), f"{good} of {len(found)} hold")


def _money(found: Findings) -> Iterable[Line]:
    is_ok = not any(found[kind] for kind in _ABOUT_MONEY)
    sums: dict[str, dict[str, int]] = {}
    with queries.looking() as connection:
        for currency, kind, amount in connection.execute(_LEDGER):
            sums.setdefault(currency, {})[kind] = amount
        undecided = {row[0]: row[1:] for row in connection.execute(_UNDECIDED)}
    for currency, by_kind in sums.items():
        charged, owed = by_kind.get("CHARGE", 0), by_kind.get("REFUND_DUE", 0)
        figures = {
            "charged": charged,
            "kept": charged - owed,
            "fees": by_kind.get("FEE", 0),
            "owed": owed,
            "paid_back": by_kind.get("REFUND", 0),
        }
        parts = (f"{name} {money.decimal_string(sum_)}" for name, sum_ in figures.items())
        text = f"{currency}: {', '.join(parts)}"
        yield Line("money", is_ok, text, {"currency": currency, **figures})
    if not sums:
        yield Line("money", is_ok, "none yet")
    shown = [f"{status} {count} ({age:.0f} s)" for status, (count, age) in undecided.items()]
    yield Line("payments", True, f"undecided: {', '.join(shown) or 'none'}", undecided)


def _seats(found: Findings) -> Iterable[Line]:
    is_ok = not any(findings for kind, findings in found.items() if kind not in _ABOUT_MONEY)
    with queries.looking() as connection:
        ours, of_places, providers, bought = own_checks.sold(connection)
    text = (
        f"sold {ours}, of them the provider's places {of_places}; bought there {bought}; "
        f"sold by the provider {providers}"
    )
    figures = {
        "sold": ours, "sold_places": of_places, "bought": bought, "sold_elsewhere": providers,
    }  # fmt: skip
    yield Line("seats", is_ok and bought >= of_places, text, figures)


def _work() -> Iterable[Line]:
    counts = service.count_work()
    text = ", ".join(f"{kind} {count}" for kind, count in counts.items() if count)
    yield Line(
        "work",
        not text,
        text or "nothing waits for a person",
        {kind.value: count for kind, count in counts.items()},
    )


def _differences() -> Iterable[Line]:
    counts = differences.count()
    text = ", ".join(f"{kind} {count}" for kind, count in counts.items())
    yield Line("differences", not counts, text or "none open", dict(counts))


def _reconciliation() -> Iterable[Line]:
    seconds = differences.seconds_since_last()
    if seconds is None:
        yield Line("reconciled", True, "never yet")
        return
    is_late = seconds > _LATE * settings().reconcile_seconds
    failed = [f"{part}: {error}" for part, _, _, _, error in differences.runs() if error]
    text = "; ".join([f"{seconds:.0f} s ago", *failed])
    yield Line("reconciled", not is_late and not failed, text, {"seconds": seconds})


def is_well(lines: Iterable[Line]) -> bool:
    """Whether nothing is wrong."""
    return all(line.is_ok for line in lines)

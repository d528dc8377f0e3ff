"""The doctor's screen, on a database of the test's own: well, and not well for each reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.integration.dataset import copied
from tests.integration.gateway import configured

WAITING = """
    INSERT INTO payments (order_id, booking_id, user_id, event_id, amount_minor, currency, line_ids,
                          status, check_due_at)
    VALUES (1, 1, 1, 1, 500000, 'KZT', '{1}', 'VOIDED', now() - interval '2 minutes')
"""
CASES = {
    "workers": WAITING,
    "lanes": """
        INSERT INTO provider_orders (booking_id, event_id, status, due_at, changed_at)
        VALUES (1, 1, 'RETURNING', now() + interval '1 minute', now() - interval '2 minutes')
    """,
    "work": """
        INSERT INTO outbox (topic, key, payload, attempts, dead_at)
        VALUES ('t', '1', '{}', 8, now())
    """,
    "differences": """
        INSERT INTO differences (kind, subject, ours, theirs, listed_at)
        VALUES ('seat_without_line', '1', 'SOLD', 'nothing', now())
    """,
    "reconciled": """
        INSERT INTO reconciliations (part, started_at) VALUES ('own', now() - interval '1 hour')
    """,
    "money": "INSERT INTO bookings (user_id, event_id, status, expires_at) "
    "VALUES (1, 1, 'CONFIRMING', now() + interval '1 day')",
    "seats": """
        INSERT INTO booking_lines
            (booking_id, user_id, event_id, seat_id, unit_price_minor, currency, status)
        VALUES (1, 1, 1, 1, 500000, 'KZT', 'SOLD')
    """,
    "database": "UPDATE alembic_version SET version_num = '0007'",
}


@pytest.fixture
def fresh(database_url: str, migrated: str) -> Iterator[str]:
    """The address of a database in which nothing has happened."""
    with copied(database_url, migrated) as url:
        yield url


@pytest.fixture
def used(app: Any, fresh: str) -> Iterator[str]:
    """That database, used by the application of this process."""
    del app
    from app.kernel import db

    db.close()
    with configured(DATABASE_URL=fresh):
        yield fresh
        db.close()


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def wrong() -> set[str]:
    from app.operations import doctor

    return {line.name for line in doctor.examine() if not line.is_ok}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_told_on_its_line(used: str, name: str) -> None:
    assert wrong() == set()
    execute(used, CASES[name])
    found = wrong()
    assert name in found
    assert found - {name} <= {"check", "checks", "money"}


def test_money_is_told_by_currency(used: str) -> None:
    from app.operations import doctor

    execute(used, WAITING)
    execute(
        used,
        """UPDATE payments SET status = 'REFUND_DUE', check_due_at = NULL;
           INSERT INTO refunds (order_id, amount_minor, currency) VALUES (1, 300000, 'KZT');
           INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency, refund_id)
               VALUES ('CHARGE', 1, 1, 500000, 'KZT', NULL);
           INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency, refund_id)
               SELECT 'REFUND_DUE', 1, 1, 300000, 'KZT', id FROM refunds;
           INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency)
               VALUES ('FEE', 1, 1, 200000, 'KZT')""",
    )
    assert wrong() == set()
    (line,) = [line for line in doctor.examine() if line.name == "money"]
    assert line.text == (
        "KZT: charged 5000.00, kept 2000.00, fees 2000.00, owed 3000.00, paid_back 0.00"
    )


def test_a_database_that_cannot_be_reached_is_all_there_is_to_say(app: Any) -> None:
    del app
    from app.kernel import db
    from app.operations import doctor

    db.close()
    with configured(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing"):
        (line,) = doctor.examine()
        db.close()
    assert (line.name, line.is_ok) == ("database", False)


def admin(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = dict(os.environ) | {"DATABASE_URL": url}
    for name in ("PAYMENT_GATEWAY_URL", "EVENT_PROVIDER_URL"):
        environ.pop(name, None)
    return subprocess.run(
        [sys.executable, "-m", "app.admin", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_tells_people_and_programs(app: Any, fresh: str) -> None:
    del app
    assert admin(fresh, "reconcile").returncode == 0
    well = admin(fresh, "doctor")
    assert (well.returncode, well.stderr) == (0, "")
    assert all(line.startswith("ok  ") for line in well.stdout.splitlines())
    execute(fresh, CASES["money"])
    reconciled = admin(fresh, "reconcile")
    assert "own      9 examined, 1 differ, 0 healed" in reconciled.stdout
    ill = admin(fresh, "doctor", "--json")
    assert ill.returncode == 1
    told = json.loads(ill.stdout)
    assert told["is_well"] is False
    lines = {line["name"]: line for line in told["lines"]}
    assert lines["differences"]["figures"] == {"booking_without_payment": 1}
    assert "!!  differences" in admin(fresh, "doctor").stdout
    listed = admin(fresh, "differences", "list").stdout
    assert "booking_without_payment 1  ours: CONFIRMING" in listed
    number = listed.split()[0]
    assert admin(fresh, "differences", "resolve", number).returncode == 2
    assert admin(fresh, "differences", "resolve", number, "--note", "known").returncode == 0
    assert admin(fresh, "differences", "list").stdout == "0 differences\n"
    assert ": known" in admin(fresh, "differences", "list", "--closed").stdout

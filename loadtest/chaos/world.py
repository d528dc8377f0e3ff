"""The world of a run: database, service, workers and both simulators, and what is on sale."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import urllib3

from loadtest.chaos.programs import CannotStartError, Database, Program, await_answer, python
from loadtest.servers import free_port

ROOT = Path(__file__).parents[2]
HALL_EVENT, OWN_EVENT = 1, 2
HOLD_SECONDS = 25
SEATS_PER_ROW, OWN_ROWS = 50, 10
PASSWORD = "chaos"
# Longer than any standstill that the run makes: a client that is less patient than the provider is
# slow has to guess.
PATIENCE = 8
STANDSTILL = 3
_LANES = '{"cancel_stops": {"chance": 0}}'  # A lane that has stopped for good cannot be healed.
_FOREIGN_SETTINGS = ("BILETTER_", "PAYMENT_", "EVENT_", "DATABASE_", "PROMETHEUS_")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made of; the same plan makes the same trouble, at about the same times."""

    seconds: float
    seed: int
    buyers: int
    mode: str
    """The provider's: `documented` or `coded`."""

    @property
    def rows(self) -> int:
        """A hall that does not sell out at once; below 10,000 places it stays a small one."""
        return min(198, 20 * max(1, round(self.seconds / 60)))

    @property
    def hot_rows(self) -> int:
        """In the first rows our buyers meet one another, and the foreign customer."""
        return max(1, self.rows // 6)


class World:
    """Everything that runs, and where it is."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.database = Database(folder / "postgres")
        ports = [free_port() for _ in range(3)]
        self.service, self.gateway, self.provider = (f"http://127.0.0.1:{p}" for p in ports)
        self._secrets = {"password": secrets.token_hex(16), "webhook-secret": secrets.token_hex(16)}
        self.environ = self._environ(ports[0])
        self.http = urllib3.PoolManager(retries=False, timeout=10, maxsize=4)
        conf = ROOT / "app" / "server" / "gunicorn.conf.py"
        web = python("gunicorn", "--config", str(conf), "--no-control-socket")
        self.web = self._program("web", web)
        self.workers = [self._program(f"worker-{n}", python("app.worker")) for n in (1, 2)]
        self.simulators = {
            "gateway": self._program("gateway", self._gateway_command(ports)),
            "provider": self._program("provider", self._provider_command(ports[2])),
        }

    def start(self) -> None:
        """Start everything and put on sale what is to be sold. Raises CannotStartError."""
        self.database.prepare()
        self.database.start()
        migrated = subprocess.run(
            python("app.migrations"), env=self.environ, cwd=ROOT, capture_output=True, check=False
        )
        if migrated.returncode:
            raise CannotStartError(f"The migrations failed: {migrated.stderr.decode()[-500:]}")
        for name in self.simulators:
            self.start_simulator(name)
        self._furnish()
        for program in (self.web, *self.workers):
            program.start()
        await_answer(f"{self.service}/health/ready")

    def end(self) -> None:
        """End everything."""
        for program in (*self.workers, self.web, *self.simulators.values()):
            program.end()
        self.database.end()

    def start_simulator(self, name: str) -> None:
        """Start a simulator on the data that it has, and wait for it."""
        self.simulators[name].start()
        await_answer(f"{self.address(name)}/simulator/health")

    def address(self, simulator: str) -> str:
        """Where a simulator is."""
        return self.gateway if simulator == "gateway" else self.provider

    def turn(self, simulator: str, knobs: dict[str, Any]) -> None:
        """Turn some knobs of a simulator; the others stay."""
        self.http.request("POST", f"{self.address(simulator)}/simulator/knobs", json=knobs)

    def behave(self, simulator: str) -> None:
        """Put all knobs of a simulator back."""
        self.http.request("DELETE", f"{self.address(simulator)}/simulator/knobs")

    def ledger(self, simulator: str) -> dict[str, Any]:
        """A simulator's own account of what has happened."""
        answer = self.http.request("GET", f"{self.address(simulator)}/simulator/ledger")
        found: dict[str, Any] = answer.json()
        return found

    def web_workers(self) -> list[int]:
        """The processes that gunicorn's master has now."""
        return [child.pid for child in psutil.Process(self.web.pid).children()]

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of the run's own, in autocommit mode."""
        return psycopg.connect(
            self.database.url, autocommit=True, connect_timeout=2, application_name="chaos"
        )

    def operate(self, *arguments: str) -> None:
        """What a person does at the operator's command line."""
        subprocess.run(
            python("app.admin", *arguments),
            env=self.environ,
            cwd=ROOT,
            capture_output=True,
            check=False,
        )

    def _program(self, name: str, command: list[str]) -> Program:
        return Program(name, command, self.environ, self.folder / f"{name}.log")

    def _environ(self, port: int) -> dict[str, str]:
        metrics = self.folder / "metrics"
        metrics.mkdir()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN_SETTINGS)}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            "DATABASE_URL": self.database.url,
            "BILETTER_BIND": f"127.0.0.1:{port}",
            "BILETTER_PUBLIC_URL": self.service,
            "BILETTER_WORKERS": "2",
            "BILETTER_ALLOW_RESET": "true",
            "BILETTER_EXPIRY_SECONDS": "2",
            "EVENT_PROVIDER_URL": self.provider,
            "EVENT_PROVIDER_PATIENCE": str(PATIENCE),
            "EVENT_PROVIDER_DEADLINE": "3",
            "PAYMENT_GATEWAY_URL": self.gateway,
            "PAYMENT_TEAM_SLUG": "biletter",
            "PAYMENT_PASSWORD": self._secrets["password"],
            "PAYMENT_WEBHOOK_SECRET": self._secrets["webhook-secret"],
            "PAYMENT_DEADLINE": "3",
            "PAYMENT_POLL_SECONDS": "2",
        }

    def _gateway_command(self, ports: list[int]) -> list[str]:
        return python(
            "app.simulators.gateway",
            *("--port", str(ports[1]), "--data", str(self.folder / "gateway.sqlite")),
            *("--team-slug", "biletter", "--seed", str(self.plan.seed), "--mode", "documented"),
            *("--password", self._secrets["password"]),
            *("--webhook-secret", self._secrets["webhook-secret"]),
            *("--webhook-url", f"{self.service}/api/payments/notifications"),
        )

    def _provider_command(self, port: int) -> list[str]:
        return python(
            "app.simulators.provider",
            *("--port", str(port), "--data", str(self.folder / "provider.sqlite")),
            *("--seed", str(self.plan.seed), "--mode", self.plan.mode, "--knobs", _LANES),
            *("--rows", str(self.plan.rows), "--seats-per-row", str(SEATS_PER_ROW)),
            *("--standstill", str(STANDSTILL)),
        )

    def _furnish(self) -> None:
        digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
        with self.connect() as sql:
            sql.execute("INSERT INTO organizers (id, slug, name) VALUES (1, 'chaos', 'Chaos')")
            sql.execute(
                "INSERT INTO users (email, password_hash)"
                " SELECT 'chaos_' || n || '@localhost', %s FROM generate_series(1, %s) n",
                [digest, self.plan.buyers],
            )
            # Prices that no percentage divides; the second event keeps a fee.
            _make_event(sql, HALL_EVENT, self.plan.rows, price=350_033, percent=100)
            _make_event(sql, OWN_EVENT, OWN_ROWS, price=123_457, percent=85)
            for page in range(1, 2 + self.plan.rows * SEATS_PER_ROW // 1000):
                address = f"{self.provider}/api/partners/v1/places?page={page}&pageSize=1000"
                places = self.http.request("GET", address).json()
                with sql.cursor() as cursor:
                    cursor.executemany(
                        "UPDATE seats SET external_id = %s"
                        " WHERE event_id = %s AND row_number = %s AND number = %s",
                        [(p["id"], HALL_EVENT, p["row"], p["seat"]) for p in places],
                    )


def account(number: int) -> tuple[str, str]:
    """Name and password of a buyer, counted from 1."""
    return f"chaos_{number}@localhost", PASSWORD


def _make_event(
    sql: psycopg.Connection[Any], event_id: int, rows: int, *, price: int, percent: int
) -> None:
    sql.execute(
        "INSERT INTO events (id, organizer_id, title, type, starts_at, hold_seconds,"
        " payment_seconds, refund_policy) VALUES (%s, 1, 'Chaos', 'concert',"
        " now() + interval '30 days', %s, %s, jsonb_build_array("
        " jsonb_build_object('hours_before', 12, 'percent', %s::int)))",
        [event_id, HOLD_SECONDS, HOLD_SECONDS, percent],
    )
    sql.execute(
        "WITH zone AS (INSERT INTO zones (event_id, position, name, price_minor)"
        " VALUES (%(event)s, 1, 'Hall', %(price)s) RETURNING id)"
        " INSERT INTO seats (event_id, zone_id, row_number, number, price_minor)"
        " SELECT %(event)s, zone.id, r, n, %(price)s + 100 * r FROM zone,"
        " generate_series(1, %(rows)s) r, generate_series(1, %(per_row)s) n",
        {"event": event_id, "price": price, "rows": rows, "per_row": SEATS_PER_ROW},
    )

"""What operators do while buyers come fails no request of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.lab.fleet import faults
from tests.deployment.fleet.buyers import buyers
from tests.deployment.fleet.operator import Operator

pytestmark = pytest.mark.long


def unnoticed(operator: Operator, folder: Path, *plays: str) -> None:
    """Play while buyers come, one after the other, and none of their requests fails."""
    inventory = operator.fleet.inventory
    commands = [
        f"make play INVENTORY={inventory} PLAY={play} > {folder}/play.log" for play in plays
    ]
    doing = ("--fault", " && ".join(commands), "--fault-at", "5s", "--failed", "0")
    operator.load("failover", folder, *doing, "--duration", "30s", "--users", "10")


def test_a_release_comes_and_goes_again(operator: Operator, tmp_path: Path) -> None:
    mark = operator.root / "app" / "release-of-a-test.txt"
    mark.write_text("Another release.\n")
    try:
        operator.release()
    finally:
        mark.unlink()
    unnoticed(operator, tmp_path, "deploy_app", "rollback_app")


def test_the_primary_moves(operator: Operator, tmp_path: Path) -> None:
    before = operator.primary()
    unnoticed(operator, tmp_path, "switchover")
    assert operator.primary() != before
    operator.await_whole()


@pytest.mark.parametrize("host", ["app-2", "edge-2", "db"])
def test_a_wiped_host_converges_alone(operator: Operator, tmp_path: Path, host: str) -> None:
    if host == "db":
        host = operator.replica()
    alone = ("--limit", f"{host},monitor")
    faults.wipe(operator.fleet, host)
    operator.must("site", *alone)
    assert operator.must("site", *alone).changed[host] == 0
    operator.await_whole()
    operator.load("authorization", tmp_path)


def test_an_event_with_bookings_starts_again(operator: Operator) -> None:
    with buyers(operator.fleet) as buyer:
        assert buyer("POST", "/api/reset").status_code == 200  # Others may have no bookings left.
        booking = buyer("POST", "/api/bookings", json={"event_id": 1}).json["id"]
        seats = buyer("GET", "/api/seats", params={"event_id": 1, "status": "FREE"}).json
        held = {"booking_id": booking, "seat_id": seats[0]["id"]}
        assert buyer("PATCH", "/api/seats/select", json=held).status_code == 200
        found = buyer("GET", "/api/events", params={"query": "Селеста"}).json
        title = next(event["title"] for event in found if event["id"] == 1)
        refused = operator.play("reset_event", "-e event=1 -e confirm=another")
        assert refused.code != 0
        assert title in refused.said
        assert booking in [one["id"] for one in buyer("GET", "/api/bookings").json]
        operator.must("reset_event", f"-e event=1 -e 'confirm=\"{title}\"'")
        assert booking not in [one["id"] for one in buyer("GET", "/api/bookings").json]
        sales = buyer("GET", "/api/analytics", params={"id": 1}).json
        assert (sales["reserved_seats"], sales["bookings_count"]) == (0, 0)


def test_a_replica_goes_and_comes(operator: Operator, tmp_path: Path) -> None:
    named = f'ARGS="-e host={operator.replica()}"'
    unnoticed(operator, tmp_path, f"remove_replica {named}", f"add_replica {named}")
    operator.await_whole()

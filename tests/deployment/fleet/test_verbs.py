"""What operators do while buyers come fails no request of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_a_replica_goes_and_comes(operator: Operator, tmp_path: Path) -> None:
    replica = next(name for name, one in operator.members().items() if one["Role"] != "Leader")
    named = f'ARGS="-e host={replica}"'
    unnoticed(operator, tmp_path, f"remove_replica {named}", f"add_replica {named}")
    operator.await_whole()

"""Things break while buyers come: for how long nothing is sold, and that nothing is lost."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.lab.fleet import faults
from tests.deployment.fleet.operator import Operator

FROM = ["--fault-at", "12s", "--duration", "45s", "--users", "10", "--readers", "3"]
"""The fault comes when the crowd is at its pace, and buyers stay until it is over."""

HOST_SECONDS = 25
"""The goal when the primary's host is lost: its lock lasts 20 s, then comes an election."""
HOST_SECONDS_ON_BUSY_CORES = 35
"""Where other work may take the processors from the election, as in continuous integration."""


@pytest.fixture(autouse=True)
def whole(operator: Operator) -> Iterator[None]:
    """Everything runs before the fault, and again after it."""
    operator.await_whole()
    yield
    for host in operator.fleet.hosts:
        faults.start(operator.fleet, host)
    operator.await_whole()


def fleet_command(operator: Operator, fault: str, host: str) -> str:
    return f"{sys.executable} -m infra.lab fleet {fault} --dir {operator.fleet.folder} {host}"


def kill_command(operator: Operator, host: str, pids: str) -> str:
    return f"ssh -F {operator.fleet.ssh_config} {host} 'sudo sh -c \"kill -9 {pids}\"'"


def failed_over(operator: Operator, folder: Path, fault: str, writes: float) -> dict[str, Any]:
    """What buyers saw; the load's own gates say that nothing was lost or sold twice."""
    gates = ("--writes-seconds", str(writes), "--fault", fault)
    found: dict[str, Any] = operator.load("failover", folder, *FROM, *gates)["failover"]
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert found["acknowledged"]["selections"] > 0
    return found


def led_by(operator: Operator, host: str) -> None:
    """Have etcd's leader on this host, from where it otherwise keeps away."""
    ask = "biletter-etcdctl endpoint status --cluster --write-out=json"
    address = operator.fleet.hosts[host].address
    statuses = {one["Endpoint"]: one["Status"] for one in json.loads(operator.on(host, ask))}
    member = statuses[f"https://{address}:2379"]["header"]["member_id"]
    leader = statuses[f"https://{address}:2379"]["leader"]
    if leader == member:
        return
    endpoint = next(url for url, one in statuses.items() if one["header"]["member_id"] == leader)
    operator.on(host, f"ETCDCTL_ENDPOINTS={endpoint} biletter-etcdctl move-leader {member:x}")


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(HOST_SECONDS, marks=pytest.mark.long), HOST_SECONDS_ON_BUSY_CORES],
)
def test_the_loss_of_the_primarys_host_stops_sales_for_seconds_and_the_catalogue_not_at_all(
    operator: Operator, tmp_path: Path, seconds: float
) -> None:
    primary = operator.primary()
    found = failed_over(operator, tmp_path, fleet_command(operator, "power-off", primary), seconds)
    assert operator.primary() != primary
    assert found["reads"]["by_kind"]["catalogue"]["longest_gap_seconds"] < 2


@pytest.mark.long
def test_the_loss_of_a_host_with_the_primary_and_etcds_leader_takes_little_longer(
    operator: Operator, tmp_path: Path
) -> None:
    primary = operator.primary()
    led_by(operator, primary)
    failed_over(operator, tmp_path, fleet_command(operator, "power-off", primary), 30)
    assert operator.primary() != primary


@pytest.mark.long
def test_the_death_of_the_primarys_process_stops_sales_for_a_moment(
    operator: Operator, tmp_path: Path
) -> None:
    pid = "\\$(head -1 /var/lib/postgresql/17/biletter/postmaster.pid)"
    failed_over(operator, tmp_path, kill_command(operator, operator.primary(), pid), 5)


@pytest.mark.long
def test_the_death_of_patroni_stops_nothing(operator: Operator, tmp_path: Path) -> None:
    pid = "\\$(systemctl show --property MainPID --value patroni)"
    failed_over(operator, tmp_path, kill_command(operator, operator.primary(), pid), 5)


@pytest.mark.long
def test_a_cut_off_primary_sells_nothing_that_is_lost(operator: Operator, tmp_path: Path) -> None:
    primary = operator.primary()
    failed_over(operator, tmp_path, fleet_command(operator, "cut", primary), HOST_SECONDS)
    faults.mend(operator.fleet, primary)


@pytest.mark.long
def test_a_frozen_primary_holds_nobody_for_long(operator: Operator, tmp_path: Path) -> None:
    primary = operator.primary()
    try:
        failed_over(operator, tmp_path, fleet_command(operator, "freeze", primary), HOST_SECONDS)
    finally:
        faults.thaw(operator.fleet, primary)


@pytest.mark.long
def test_a_lost_replica_is_not_noticed(operator: Operator, tmp_path: Path) -> None:
    lost = fleet_command(operator, "power-off", operator.replica())
    failed_over(operator, tmp_path, lost, 2)


@pytest.mark.long
def test_a_lost_edge_is_replaced_by_the_other(operator: Operator, tmp_path: Path) -> None:
    lost = fleet_command(operator, "power-off", operator.edge())
    failed_over(operator, tmp_path, lost, 3)


@pytest.mark.long
def test_edges_that_cannot_hear_each_other_both_serve(operator: Operator, tmp_path: Path) -> None:
    try:
        failed_over(operator, tmp_path, fleet_command(operator, "part", "edge-1 edge-2"), 3)
    finally:
        faults.join(operator.fleet)


@pytest.mark.long
def test_the_death_of_the_edges_process_is_short(operator: Operator, tmp_path: Path) -> None:
    kill = kill_command(operator, operator.edge(), "\\$(pgrep -x haproxy)")
    failed_over(operator, tmp_path, kill, 3)


@pytest.mark.long
def test_the_death_of_a_process_of_the_service_is_short(operator: Operator, tmp_path: Path) -> None:
    kill = kill_command(operator, "app-1", "\\$(pgrep -of gunicorn)")
    failed_over(operator, tmp_path, kill, 3)


@pytest.mark.long
def test_a_lost_app_host_leaves_the_other_selling(operator: Operator, tmp_path: Path) -> None:
    failed_over(operator, tmp_path, fleet_command(operator, "power-off", "app-1"), 2)


def test_without_the_way_to_replicas_the_primary_is_read(operator: Operator) -> None:
    address = operator.fleet.hosts["app-1"].address
    operator.on("app-1", "systemctl stop haproxy")
    try:
        for page in range(41, 49):  # Of pages that nobody has asked for, there is no copy.
            url = f"http://{address}:8000/api/events?page={page}&pageSize=7"
            ask = f"curl --silent --max-time 3 --output /dev/null -w '%{{http_code}}' '{url}'"
            assert operator.on("app-1", ask) == "200"
    finally:
        operator.on("app-1", "systemctl start haproxy")

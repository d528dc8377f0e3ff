"""What stands after `make lab-fleet`, and that running it again changes nothing."""

from __future__ import annotations

import subprocess

import pytest

from tests.deployment.fleet.operator import Operator


def test_a_second_run_changes_nothing(operator: Operator) -> None:
    played = operator.must("site")
    assert played.changed == dict.fromkeys(operator.fleet.hosts, 0)


@pytest.mark.long
def test_a_dry_run_changes_nothing_either(operator: Operator) -> None:
    played = operator.must("site", "--check", "--diff")
    assert played.changed == dict.fromkeys(operator.fleet.hosts, 0)


@pytest.mark.parametrize("unit", ["biletter-web", "biletter-worker"])
def test_the_service_may_do_little_on_its_host(operator: Operator, unit: str) -> None:
    said = operator.on("app-1", f"systemd-analyze security --no-pager {unit} | tail -1")
    assert float(said.split(":")[1].split()[0]) <= 3.0, said


@pytest.mark.parametrize("host", ["edge-1", "app-1", "db-1", "monitor-1"])
def test_nothing_on_a_host_has_failed(operator: Operator, host: str) -> None:
    assert operator.on(host, "systemctl list-units --failed --plain --no-legend") == ""


@pytest.mark.parametrize(
    ("host", "port"), [("app-1", 8000), ("db-1", 5432), ("db-1", 8008), ("edge-1", 8404)]
)
def test_what_is_inside_is_not_reached_from_outside(
    operator: Operator, host: str, port: int
) -> None:
    address = operator.fleet.hosts[host].address
    reach = ["curl", "--silent", "--insecure", "--max-time", "2", f"http://{address}:{port}/"]
    refused, timed_out = 7, 28
    assert subprocess.run(reach, check=False).returncode == timed_out
    inside = f"curl --silent --insecure --output /dev/null --max-time 2 http://{address}:{port}/"
    monitored = {8000, 8008, 8404}
    code = operator.on("monitor-1", f"{inside}; echo $?")
    is_reached = int(code) not in (refused, timed_out)
    assert is_reached == (port in monitored), "the control: the monitor's own way"


def test_the_edge_speaks_http_2_over_tls_and_hides_what_is_internal(operator: Operator) -> None:
    vip = operator.fleet.vip
    form = "%{http_code} %{http_version} %{redirect_url}"
    ask = ("--output", "/dev/null", "--write-out", form)
    assert operator.curl(*ask, f"https://{vip}/api/events").split() == ["200", "2"]
    moved = ["308", "1.1", f"https://{vip}/api/events"]
    assert operator.curl(*ask, f"http://{vip}/api/events").split() == moved
    for path in ("/metrics", "/health/ready"):
        assert operator.curl(*ask, f"https://{vip}{path}").split() == ["404", "2"]


def test_reads_that_tolerate_lag_come_from_a_replica(operator: Operator) -> None:
    for page in range(1, 9):
        operator.curl(f"https://{operator.fleet.vip}/api/events?page={page}&pageSize=7")
    reading = "application_name = 'biletter' AND query LIKE '%FROM events%'"
    ask = f"SELECT count(*) FROM pg_stat_activity WHERE pg_is_in_recovery() AND {reading}"
    readers = [
        int(operator.on(host, f'cd /; sudo -u postgres psql -AtXd biletter -c "{ask}"'))
        for host in ("db-1", "db-2", "db-3")
    ]
    assert sum(readers) > 0

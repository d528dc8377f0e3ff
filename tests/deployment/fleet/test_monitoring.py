"""What the monitor sees of the fleet, and that it hears of every host."""

from __future__ import annotations

import json
import time
import urllib.parse
import uuid
from typing import Any

import pytest

from infra.lab.fleet import faults
from tests.deployment.fleet.operator import MONITOR, Operator, until

DAY = 86_400.0

JOBS = {
    "node": {"edge", "app", "db", "monitor"},
    "service": {"app"},
    "worker": {"app"},
    "haproxy": {"edge"},
    "postgres": {"db"},
    "patroni": {"db"},
    "etcd": {"db"},
    "prometheus": {"monitor"},
    "alertmanager": {"monitor"},
}


def prometheus(operator: Operator, path: str) -> Any:
    """The data of an answer of Prometheus."""
    answer = operator.asked(f"http://127.0.0.1:9090/api/v1/{path}")
    assert answer["status"] == "success", answer
    return answer["data"]


def query(operator: Operator, expression: str) -> dict[str, float]:
    """The newest value of each series, by instance."""
    asked = prometheus(operator, f"query?query={urllib.parse.quote(expression)}")
    return {one["metric"].get("instance", ""): float(one["value"][1]) for one in asked["result"]}


def found(operator: Operator, request_id: str) -> str:
    """What the playbook says of a request."""
    return operator.must("find_request", f"-e request_id={request_id}").said


@pytest.mark.parametrize("job", JOBS)
def test_every_host_is_asked(operator: Operator, job: str) -> None:
    hosts = [one.name for one in operator.fleet.hosts.values() if one.role in JOBS[job]]
    until(lambda: query(operator, f'up{{job="{job}"}}') == dict.fromkeys(hosts, 1.0))


def test_every_rule_can_be_evaluated(operator: Operator) -> None:
    groups = prometheus(operator, "rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert rules
    until(
        lambda: all(
            rule["health"] == "ok"
            for group in prometheus(operator, "rules")["groups"]
            for rule in group["rules"]
        )
    )


def test_alerts_reach_the_alertmanager(operator: Operator) -> None:
    ask = "amtool --alertmanager.url=http://127.0.0.1:9093 alert query --output=json"
    until(lambda: "Watchdog" in operator.on(MONITOR, ask))


@pytest.mark.parametrize("port", [9090, 9093])
def test_only_the_monitor_itself_can_look(operator: Operator, port: int) -> None:
    address = operator.fleet.hosts[MONITOR].address
    ask = f"curl --silent --output /dev/null --max-time 2 http://{{}}:{port}/ && echo open; true"
    assert operator.on("edge-1", ask.format(address)) == ""
    assert operator.on(MONITOR, ask.format("127.0.0.1")) == "open", "the control"


def test_the_buyer_gets_a_seat_and_says_so(operator: Operator) -> None:
    operator.on(MONITOR, "systemctl start biletter-buyer")
    until(lambda: query(operator, "biletter_buyer_success") == {MONITOR: 1.0})
    since = query(operator, "time() - biletter_buyer_last_success_timestamp_seconds")
    assert since[MONITOR] < 120


def test_a_buyer_who_gets_no_seat_says_so_and_keeps_when_it_last_did(operator: Operator) -> None:
    folder = operator.on(MONITOR, "mktemp --directory")
    metrics = f"{folder}/buyer.prom"
    run = "/usr/local/sbin/biletter-buyer {} " + metrics
    operator.on(MONITOR, run.format("/etc/biletter/buyer.json"))
    lasting = [
        line for line in operator.on(MONITOR, f"cat {metrics}").splitlines() if "_last_" in line
    ]
    settings = json.loads(operator.on(MONITOR, "cat /etc/biletter/buyer.json"))
    wrong = json.dumps({**settings, "event_id": 2_000_000_000})
    operator.on(MONITOR, f"echo {urllib.parse.quote(wrong)} > {folder}/quoted")
    unquote = "import sys, urllib.parse; print(urllib.parse.unquote(sys.stdin.read()))"
    operator.on(MONITOR, f'python3 -c "{unquote}" < {folder}/quoted > {folder}/wrong.json')
    said = operator.on(MONITOR, f"{run.format(folder + '/wrong.json')} 2>&1; true")
    assert "POST /api/bookings answered 404" in said
    left = operator.on(MONITOR, f"cat {metrics}; rm --recursive {folder}").splitlines()
    assert "biletter_buyer_success 0" in left
    assert [line for line in left if "_last_" in line] == lasting


@pytest.mark.long
def test_the_buyer_comes_right_after_the_primary_has_changed(operator: Operator) -> None:
    ask = "systemctl show --property ExecMainStartTimestampMonotonic --value biletter-buyer"
    before_primary = operator.primary()
    operator.on(MONITOR, "systemctl stop biletter-buyer.timer")
    try:
        before = operator.on(MONITOR, ask)
        operator.on(before_primary, "patronictl -c /etc/patroni/config.yml switchover --force")
        until(lambda: operator.on(MONITOR, ask) != before, 20)
    finally:
        operator.on(MONITOR, "systemctl start biletter-buyer.timer")
    assert operator.primary() != before_primary
    until(lambda: query(operator, "biletter_buyer_success") == {MONITOR: 1.0})
    operator.await_whole()


def test_one_edge_has_the_address(operator: Operator) -> None:
    holders = query(operator, "biletter_vip_holder")
    assert sorted(holders.values()) == [0.0, 1.0]
    assert set(holders) == {"edge-1", "edge-2"}


def test_every_host_says_when_its_certificates_end(operator: Operator) -> None:
    ends = "min by (instance) (biletter_certificate_end_timestamp_seconds) - time()"
    until(lambda: set(query(operator, ends)) == set(operator.fleet.hosts))
    assert min(query(operator, ends).values()) > 29 * DAY


@pytest.mark.parametrize("host", ["edge-1", "app-2", "db-3", MONITOR])
def test_what_a_host_writes_about_a_request_is_found(operator: Operator, host: str) -> None:
    request_id = uuid.uuid4().hex
    operator.on(host, f"logger --tag test about request {request_id}")
    until(lambda: f"{host} test" in found(operator, request_id))


@pytest.mark.long
def test_what_a_host_writes_while_the_monitor_is_away_comes_later(operator: Operator) -> None:
    request_id = uuid.uuid4().hex
    fleet = operator.fleet
    # Its way in leads through the monitor, so the host writes by itself, a while later.
    later = f"systemd-run --on-active=10 logger --tag test about request {request_id}"
    operator.on("app-1", later)
    faults.crash(fleet, MONITOR)
    time.sleep(20)  # The monitor is away when it writes; nothing could say so.
    faults.start(fleet, MONITOR)
    until(lambda: "app-1 test" in found(operator, request_id))

"""Data volumes: what is on them outlives its host, and nothing on them is lost by a mistake."""

from __future__ import annotations

import os
import subprocess

import pytest

from infra.lab.fleet import faults
from infra.lab.fleet.volumes import DEVICE, devices_of
from tests.deployment.fleet.operator import MONITOR, Operator

PATH = "/var/lib/postgresql"
DATA = f"{PATH}/17/biletter"


def test_data_lies_on_the_volumes(operator: Operator) -> None:
    source = "findmnt --noheadings --output SOURCE --target"
    assert operator.on(operator.primary(), f"{source} {DATA}") == DEVICE
    assert operator.on(MONITOR, f"{source} /var/lib/prometheus/metrics2") == DEVICE


@pytest.mark.long
def test_a_replaced_host_goes_on_with_its_data_whatever_its_users_number_is(
    operator: Operator,
) -> None:
    host = operator.replica()
    made = f"stat --format %Y {DATA}/PG_VERSION"
    before = operator.on(host, made)
    operator.on(host, f"systemctl stop patroni; chown --recursive 4321:4321 {PATH}/17")
    faults.wipe(operator.fleet, host)
    operator.must("site", "--limit", f"{host},monitor")
    operator.await_whole()
    assert operator.on(host, made) == before, "copied anew from the primary"


def test_a_host_that_boots_again_has_its_data(operator: Operator) -> None:
    host = operator.replica()
    faults.power_off(operator.fleet, host)
    faults.start(operator.fleet, host)
    operator.await_whole()
    assert operator.on(host, f"findmnt --noheadings --output SOURCE {PATH}") == DEVICE


@pytest.mark.long
def test_all_database_hosts_may_be_replaced_and_the_primary_of_before_begins(
    operator: Operator,
) -> None:
    # With etcd gone too, a replica that was behind could begin: what it had not heard of is lost.
    primary, behind = operator.primary(), operator.replica()
    operator.on(behind, "systemctl stop patroni")
    operator.on(primary, "sudo -u postgres psql -c 'CREATE TABLE kept AS SELECT 1 AS seat'")
    for host in operator.members():
        faults.power_off(operator.fleet, host)
    for host in (behind, *({"db-1", "db-2", "db-3"} - {behind})):
        faults.wipe(operator.fleet, host)
    refused = operator.play("site", "--limit", "db,monitor", "-e", "patroni_first=db-9")
    assert refused.code != 0
    assert "-e patroni_first=HOST" in refused.said
    operator.must("site", "--limit", "db,monitor")
    operator.await_whole()
    assert operator.primary() == primary
    kept = "sudo -u postgres psql -XAtc 'SELECT seat FROM kept; DROP TABLE kept'"
    assert operator.on(primary, kept).split() == ["1", "DROP", "TABLE"]


@pytest.mark.long
def test_a_grown_volume_is_used_and_nothing_stops(operator: Operator) -> None:
    host = operator.replica()
    volume = operator.fleet.hosts[host].volume
    assert volume is not None
    size = f"df --output=size --block-size=1M {PATH} | tail -1"
    before = int(operator.on(host, size))
    started = operator.on(host, f"head -1 {DATA}/postmaster.pid")
    os.truncate(volume, volume.stat().st_size + (1 << 30))
    subprocess.run(["losetup", "--set-capacity", *devices_of(volume)], check=True)
    only = ("--limit", f"{host},monitor", "--tags", "db")
    operator.must("site", *only)
    assert int(operator.on(host, size)) > before + 900
    assert operator.on(host, f"head -1 {DATA}/postmaster.pid") == started
    assert operator.must("site", *only).changed[host] == 0


@pytest.mark.long
def test_what_would_lose_data_is_refused_and_nothing_is_changed(operator: Operator) -> None:
    host = operator.replica()
    only = ("--limit", f"{host},monitor", "--tags", "db")
    for given, why in (
        ('\'{"data_volume_devices": ["/dev/vdz"]}\'', "is not attached: there is none of /dev/vdz"),
        ("data_volume_path=/etc", "holds data on the host's own disk"),
    ):
        refused = operator.play("site", *only, "-e", given)
        assert refused.code != 0
        assert why in " ".join(refused.said.split())
        assert refused.changed[host] == 0
    operator.await_whole()
    faults.wipe(operator.fleet, host)
    operator.on(host, f"wipefs --all --quiet {DEVICE}; mkswap {DEVICE}")
    refused = operator.play("site", "--limit", f"{host},monitor")
    assert refused.code != 0
    assert f"{DEVICE} of {host} holds swap" in " ".join(refused.said.split())
    operator.on(host, f"wipefs --all --quiet {DEVICE}")
    operator.must("site", "--limit", f"{host},monitor")
    operator.await_whole()

"""An apply that is killed, refused half-way or not alone, and a cloud that was changed by hand."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.lab.openstack.client import Cloud
from infra.lab.state import Lab
from tests.deployment.cloud.operator import PORT, SERVER, Operator

APP_2 = 'app-2     = { role = "app", flavor = "c1.small", boot_gb = 4 }'
RULE = "module.security.openstack_networking_secgroup_rule_v2."


def more_applications(operator: Operator, *numbers: int) -> None:
    lines = [APP_2.replace("app-2", f"app-{number}") for number in (2, *numbers)]
    operator.edit("hosts", APP_2, "\n  ".join(lines))


@pytest.fixture
def other_volume(lab: Lab) -> Iterator[None]:
    """A volume of 2 GB in the same project that is nothing of ours."""
    member = Cloud.member(lab)
    made = member.post("block-storage", "/volumes", {"volume": {"name": "other", "size": 2}})
    yield
    member.delete("block-storage", f"/volumes/{made['volume']['id']}")


def until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, condition
        time.sleep(0.2)
    return found


@pytest.mark.long
def test_what_was_changed_by_hand_is_seen_and_healed(untouched: Operator) -> None:
    admin = Cloud.admin(untouched.lab)
    groups = admin.get("network", "/v2.0/security-groups?name=lab-edge")["security_groups"]
    rules = groups[0]["security_group_rules"]
    https = next(one for one in rules if one["port_range_min"] == 443)
    admin.delete("network", f"/v2.0/security-group-rules/{https['id']}")
    port = admin.get("network", "/v2.0/ports?name=lab-edge-1")["ports"][0]
    admin.put("network", f"/v2.0/ports/{port['id']}", {"port": {"allowed_address_pairs": []}})
    planned = untouched.planned()
    rule = next(address for address in planned if address.startswith(RULE))
    assert "tcp/443" in rule
    assert planned == {rule: "create", PORT.format("edge-1"): "update"}
    untouched.must("apply", "lab", "--yes")
    assert untouched.planned() == {}
    port = admin.get("network", f"/v2.0/ports/{port['id']}")["port"]
    assert [pair["ip_address"] for pair in port["allowed_address_pairs"]] == ["10.40.0.10"]


@pytest.mark.long
def test_a_second_apply_at_the_same_time_is_refused(untouched: Operator) -> None:
    more_applications(untouched, 3)
    first = untouched.start("apply", "lab", "--yes")
    lock = untouched.folder / "infra/.state/lab/hosts/.terraform.tfstate.lock.info"
    until(lock.exists)
    until(lambda: "app-3" in untouched.servers())  # By now it applies, and no longer plans.
    why = untouched.refused("apply", "lab", "--yes")
    assert "Error acquiring the state lock" in why
    out, err = first.communicate(timeout=600)
    assert first.returncode == 0, out + err
    assert untouched.planned() == {}


@pytest.mark.long
def test_an_apply_that_was_killed_leaves_orphans_that_are_found_and_dealt_with(
    untouched: Operator,
) -> None:
    more_applications(untouched, 3, 4)
    killed = untouched.start("apply", "lab", "--yes")
    until(lambda: "app-3" in untouched.servers() or "app-4" in untouched.servers())
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    left = {key for key in untouched.servers() if key in ("app-3", "app-4")}
    listed = untouched.must("orphans", "lab")
    for key in left:
        assert f"openstack_compute_instance_v2 lab-{key} " in listed
    told = untouched.must("orphans", "lab", "--adopt")
    assert "adopted" in told or "port" not in listed
    untouched.must("orphans", "lab", "--delete", "--yes")
    assert "Nothing is there" in untouched.must("orphans", "lab")
    until(lambda: not left & {*untouched.servers()})
    untouched.must("apply", "lab", "--yes")
    assert untouched.planned() == {}
    names = [server["name"] for server in untouched.servers().values()]
    assert sorted(name for name in names if "app" in name) == [f"lab-app-{n}" for n in range(1, 5)]


@pytest.mark.long
@pytest.mark.usefixtures("other_volume")
def test_a_quota_that_ends_half_way_is_told_and_the_rest_is_made_later(
    untouched: Operator, quotas: Callable[..., None]
) -> None:
    # Cinder tells nobody what is in use, so a plan cannot foresee this.
    used = 10 * 4 + 5 * 4
    quotas(block_storage={"gigabytes": used + 4})
    more_applications(untouched, 3)
    code, out, err = untouched.run("apply", "lab", "--yes")
    assert code == 1, out
    assert "app-3" in err
    assert SERVER.format("app-3") in untouched.planned()
    quotas(block_storage={"gigabytes": used + 20})
    untouched.must("apply", "lab", "--yes")
    assert untouched.planned() == {}


@pytest.mark.long
def test_a_quota_that_does_not_suffice_is_refused_before_anything_is_made(
    untouched: Operator, quotas: Callable[..., None]
) -> None:
    before = {*untouched.servers()}
    quotas(compute={"instances": len(before) + 1})
    more_applications(untouched, 3, 4)
    assert f"{len(before) + 2} servers of {len(before) + 1}" in untouched.refused("plan", "lab")
    # One more fits: those that run are not counted twice.
    untouched.edit("hosts", APP_2.replace("app-2", "app-4"), "")
    untouched.must("apply", "lab", "--yes")
    assert {*untouched.servers()} - before == {"app-3"}

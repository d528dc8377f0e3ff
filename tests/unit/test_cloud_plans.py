"""What is made of a plan: rules, summary, picture, inventory."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from infra.cloud import inventory, picture, plans, running, summary

SERVERS = f"module.servers.{plans.SERVER}.host"
HOSTS = {
    key: {
        "flavor": "c1.small (1 vCPU, 2 GB)",
        "image": "Debian <13>",
        "zone": None,
        "address": "10.0.0.1" if key != "app-3" else None,
        "disk": "8 GB",
    }
    for key in ("edge-1", "app-1", "app-3", "db-1", "db-2", "db-3")
}
SUMMARY = {
    "environment": "lab",
    "hosts": HOSTS,
    "vip": "203.0.113.7",
    "jump": None,
    "totals": {"hosts": 6, "vcpus": 6, "ram_gb": 12, "disk_gb": 48},
    "envelope": {"vcpus": 32, "ram_gb": 64, "disk_gb": 200},
    "cost": {"days": 3, "total": 31_000, "parts": {"vcpu": 31_000}, "budget_tenge": 30_000},
}


def change(key: str, *actions: str, type_: str = plans.SERVER, **after: Any) -> dict[str, Any]:
    return {
        "address": f'{SERVERS}["{key}"]',
        "type": type_,
        "index": key,
        "mode": "managed",
        "change": {"actions": actions, "before": {"flavor_id": 1}, "after": after},
    }


def test_reads_and_what_stays_are_no_changes() -> None:
    content = {
        "resource_changes": [
            change("app-1", "no-op"),
            change("app-2", "read"),
            {**change("app-3", "create"), "mode": "data"},
            change("app-4", "delete", "create"),
            change("app-5", "create", "delete"),
        ]
    }
    found = plans.changes_of(content)
    assert [(one.key, one.kind) for one in found] == [("app-4", "replace"), ("app-5", "replace")]


@pytest.mark.parametrize(
    ("changes", "touched"),
    [
        ([change("db-1", "update", flavor_id=2)], ["db-1"]),
        ([change("db-1", "update", tags=["new"]), change("db-2", "update", metadata={})], []),
        ([change("db-1", "update", tags=["new"], flavor_id=2)], ["db-1"]),
        ([change("db-1", "delete", "create", tags=["new"])], ["db-1"]),
        (
            [
                change("db-1", "update", flavor_id=2),
                change("db-1", "update", type_=plans.PORT, fixed_ip=1),
            ],
            ["db-1"],
        ),
        (
            [
                change("db-1", "delete"),
                change("db-3", "update", type_=plans.ATTACHMENT, volume_id=2),
            ],
            ["db-1", "db-3"],
        ),
        ([change("app-1", "delete"), change("db-4", "create")], []),
        ([change("db-1", "update", type_="openstack_networking_secgroup_v2")], []),
    ],
)
def test_a_member_is_touched_by_its_server_its_port_and_its_volume(
    changes: list[Any], touched: list[str]
) -> None:
    found = plans.changes_of({"resource_changes": changes})
    assert plans.touched_members(found, {"db-1", "db-2", "db-3"}) == touched


def test_a_volume_that_is_made_anew_is_lost() -> None:
    content = {
        "resource_changes": [
            change("db-1", "delete", "create", type_=plans.VOLUME),
            change("db-2", "delete", type_=plans.VOLUME),
            change("db-3", "update", type_=plans.VOLUME),
            change("db-4", "delete"),
        ]
    }
    assert plans.lost_volumes(plans.changes_of(content)) == ["db-1", "db-2"]


def test_objections_are_those_of_failed_checks() -> None:
    failed = {"status": "fail", "problems": [{"message": "3 days cost too much."}]}
    passed = {"status": "pass", "problems": [{"message": "never shown"}]}
    content = {"checks": [{"instances": [failed, passed]}]}
    assert plans.objections(content) == ["3 days cost too much."]


def test_the_summary_tells_what_is_changed_and_what_it_costs() -> None:
    changes = plans.changes_of(
        {
            "resource_changes": [
                change("app-3", "create"),
                change("app-1", "update", flavor_id=2),
                change("a", "create", type_="openstack_networking_secgroup_rule_v2"),
                change("b", "create", type_="openstack_networking_secgroup_rule_v2"),
                change("db-9", "delete"),
            ]
        }
    )
    told = [*summary.lines(changes, SUMMARY, ["over the budget"])]
    assert f'  + {SERVERS}["app-3"] is made' in told
    assert f'  ~ {SERVERS}["app-1"] is changed (flavor_id)' in told
    assert f'  - {SERVERS}["db-9"] is deleted' in told
    assert "  + 2 × networking_secgroup_rule" in told
    assert "lab: 6 hosts, 6 of 32 vCPU, 12 of 64 GB memory, 48 of 200 GB disk" in told
    assert "buyers call 203.0.113.7; administrators enter by made by the apply" in told
    assert "3 days cost 31,000 ₸, budget 30,000 ₸ (vcpu 31,000)" in told
    assert told[-1] == "WARNING: over the budget"
    assert any(line.endswith("made by the apply  8 GB") for line in told)


def test_a_plan_without_changes_says_so() -> None:
    assert [*summary.lines((), None)] == ["Nothing changes."]


def test_the_picture_has_every_host_and_colors_what_changes() -> None:
    changes = plans.changes_of({"resource_changes": [change("app-3", "create")]})
    document = picture.draw(SUMMARY, changes)
    root = ET.fromstring(document)
    texts = ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]
    for key in HOSTS:
        assert key in texts
    assert "address by the apply" in texts
    assert "Debian <13> · 8 GB" in texts
    fills = [one.get("fill") for one in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert fills.count("#e3f4e6") == 2  # The box and its place in the legend.


STATE = [
    {
        "mode": "managed",
        "type": plans.SERVER,
        "index": key,
        "values": {
            "flavor_name": "c1.small",
            "availability_zone": "nova",
            "metadata": {"role": key.rpartition("-")[0]},
            "block_device": [{"uuid": image, "volume_size": 8}],
        },
    }
    for key, image in (("app-1", "old"), ("db-1", "old"), ("db-2", "gone"))
] + [
    {
        "mode": "data",
        "type": "openstack_images_image_v2",
        "index": "Debian 13",
        "values": {"id": "old", "name": "Debian 13"},
    }
]


def wanted(**images: str) -> dict[str, dict[str, Any]]:
    return {
        key.replace("_", "-"): {"role": "x", "flavor": "c1.small", "image": image, "boot_gb": 8}
        for key, image in images.items()
    }


def test_what_runs_is_read_out_of_the_state() -> None:
    found = running.running_hosts(STATE)
    assert found["db-1"] == {
        "role": "db",
        "flavor": "c1.small",
        "image": "Debian 13",
        "boot_gb": 8,
        "zone": "nova",
    }
    assert found["db-2"]["image"] == "gone"  # Known by its id alone.


def test_a_server_that_could_not_be_made_does_not_run() -> None:
    failed = {**STATE[0]["values"], "flavor_name": None}
    found = running.running_hosts([*STATE, {**STATE[0], "index": "app-2", "values": failed}])
    assert {*found} == {"app-1", "db-1", "db-2"}


def test_a_roll_changes_one_host_and_makes_no_new_one() -> None:
    now = running.running_hosts(STATE)
    want = wanted(app_1="Debian 13.1", db_1="Debian 13.1", db_2="gone", app_2="Debian 13.1")
    assert running.outdated(want, now) == ["app-1", "db-1"]
    step = running.as_running_but("app-1", want, now)
    assert {key: host["image"] for key, host in step.items()} == {
        "app-1": "Debian 13.1",
        "db-1": "Debian 13",
        "db-2": "gone",
    }


def test_only_the_jump_host_is_reached_directly() -> None:
    outputs = {
        "environment": "lab",
        "groups": {"monitor": ["monitor-1"], "app": ["app-1"], "loadgen": []},
        "hosts": {"monitor-1": {"address": "10.0.0.2"}, "app-1": {"address": "10.0.0.3"}},
        "jump": {"host": "monitor-1", "address": "203.0.113.9", "user": "debian"},
        "vip": {"address": "10.0.0.10"},
        "network": {"cidr": "10.0.0.0/24"},
    }
    whole = yaml.safe_load(inventory.to_yaml(outputs))["all"]
    assert whole["children"]["monitor"]["hosts"]["monitor-1"] == {
        "ansible_host": "203.0.113.9",
        "biletter_host": {"address": "10.0.0.2"},
    }
    app = whole["children"]["app"]["hosts"]["app-1"]
    assert app["ansible_ssh_common_args"] == "-o ProxyJump=debian@203.0.113.9"
    assert whole["children"]["loadgen"]["hosts"] == {}

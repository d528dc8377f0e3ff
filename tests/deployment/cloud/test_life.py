"""What changes later: each plan touches exactly what it says."""

from __future__ import annotations

import pytest

from tests.deployment.cloud.operator import ATTACHMENT, PORT, SERVER, Operator

APP_2 = 'app-2     = { role = "app", flavor = "c1.small", boot_gb = 4 }'


def test_two_more_applications_touch_nothing_else(untouched: Operator) -> None:
    before = untouched.servers()
    more = "\n".join(APP_2.replace("app-2", f"app-{number}") for number in (2, 3, 4))
    untouched.edit("hosts", APP_2, more)
    assert untouched.planned() == {
        SERVER.format("app-3"): "create",
        SERVER.format("app-4"): "create",
        PORT.format("app-3"): "create",
        PORT.format("app-4"): "create",
    }
    untouched.must("apply", "lab", "--yes")
    assert untouched.planned() == {}
    after = untouched.servers()
    assert {*after} - {*before} == {"app-3", "app-4"}
    assert {key: after[key]["id"] for key in before} == {
        key: one["id"] for key, one in before.items()
    }


@pytest.mark.long
def test_a_bigger_flavor_resizes_one_host_in_its_place(untouched: Operator) -> None:
    was = untouched.servers()["app-2"]["id"]
    untouched.edit("hosts", APP_2, APP_2.replace("c1.small", "c1.medium"))
    assert untouched.planned() == {SERVER.format("app-2"): "update"}
    untouched.must("apply", "lab", "--yes")
    server = untouched.servers()["app-2"]
    assert (server["id"], server["flavor"]["original_name"]) == (was, "c1.medium")
    assert untouched.planned() == {}


@pytest.mark.long
def test_a_new_image_makes_one_host_anew_at_its_address(untouched: Operator) -> None:
    was = untouched.servers()
    untouched.edit("hosts", APP_2, APP_2.replace(" }", ', image = "Debian 13.1" }'))
    assert untouched.planned() == {SERVER.format("app-2"): "replace"}
    untouched.must("apply", "lab", "--yes")
    now = untouched.servers()
    assert now["app-2"]["id"] != was["app-2"]["id"]
    assert now["app-2"]["addresses"] == was["app-2"]["addresses"]
    assert {key for key in was if now[key]["id"] != was[key]["id"]} == {"app-2"}


@pytest.mark.long
def test_one_more_edge_takes_part_in_the_shared_address(untouched: Operator) -> None:
    edge_2 = 'edge-2    = { role = "edge", flavor = "c1.small", boot_gb = 4 }'
    untouched.edit("hosts", edge_2, f"{edge_2}\n  {edge_2.replace('edge-2', 'edge-3')}")
    assert untouched.planned() == {
        SERVER.format("edge-3"): "create",
        PORT.format("edge-3"): "create",
    }
    untouched.must("apply", "lab", "--yes")
    ports = untouched.clouds("network", "/v2.0/ports?name=lab-edge-3")["ports"]
    assert [pair["ip_address"] for pair in ports[0]["allowed_address_pairs"]] == ["10.40.0.10"]


@pytest.mark.long
def test_a_broken_member_is_made_anew_and_keeps_its_data(untouched: Operator) -> None:
    was = untouched.servers()["db-2"]
    volumes = untouched.clouds("block-storage", "/volumes/detail?all_tenants=1")["volumes"]
    data = next(one["id"] for one in volumes if one["name"] == "lab-db-2-data")
    assert untouched.planned("--replace", "db-2") == {
        SERVER.format("db-2"): "replace",
        ATTACHMENT.format("db-2"): "replace",
    }
    untouched.must("apply", "lab", "--yes", "--replace", "db-2")
    now = untouched.servers()["db-2"]
    assert now["id"] != was["id"]
    assert now["addresses"] == was["addresses"]
    volume = untouched.clouds("block-storage", f"/volumes/{data}")["volume"]
    assert [one["server_id"] for one in volume["attachments"]] == [now["id"]]
    assert untouched.planned() == {}


@pytest.mark.long
def test_a_plan_that_touches_two_members_of_the_database_is_refused(untouched: Operator) -> None:
    was = untouched.servers()
    why = untouched.refused("apply", "lab", "--yes", "--replace", "db-1", "--replace", "db-3")
    assert "db-1 and db-3 would" in why
    untouched.edit("hosts", 'image            = "Debian 13"', 'image            = "Debian 13.1"')
    why = untouched.refused("plan", "lab")
    assert "db-1 and db-2 and db-3 would" in why
    now = untouched.servers()
    assert {key: one["id"] for key, one in now.items()} == {
        key: one["id"] for key, one in was.items()
    }


@pytest.mark.long
def test_a_roll_goes_host_by_host_and_stops_where_the_hook_fails(untouched: Operator) -> None:
    was = untouched.servers()
    log = untouched.folder / "hook.log"
    hook = untouched.folder / "hook"
    hook.write_text(f'#!/bin/sh\necho "$@" >>{log}\n! [ "$1 $2" = "after edge-1" ]\n')
    hook.chmod(0o755)
    untouched.edit("hosts", 'image            = "Debian 13"', 'image            = "Debian 13.1"')
    roll = ("roll", "lab", "--yes", "--hook", str(hook))
    assert "The hook failed after edge-1" in untouched.refused(
        *roll, "--hosts", "app-1,edge-1,db-1"
    )
    called = [line.split()[:2] for line in log.read_text().splitlines()]
    assert called == [
        ["before", "app-1"], ["after", "app-1"], ["before", "edge-1"], ["after", "edge-1"],
    ]  # fmt: skip
    now = untouched.servers()
    assert {key for key in was if now[key]["id"] != was[key]["id"]} == {"app-1", "edge-1"}
    untouched.must("roll", "lab", "--yes", "--hosts", "db-1,db-2,db-3")
    now = untouched.servers()
    rolled = {key for key in was if now[key]["id"] != was[key]["id"]}
    assert rolled == {"app-1", "edge-1", "db-1", "db-2", "db-3"}
    # Back, so that what follows finds what it expects.
    untouched.edit("hosts", '"Debian 13.1"', '"Debian 13"')
    untouched.must("roll", "lab", "--yes")


@pytest.mark.long
def test_other_user_data_and_another_key_touch_no_host(untouched: Operator) -> None:
    template = untouched.folder / "infra/modules/servers/cloud-init.yaml.tftpl"
    text = template.read_text()
    template.write_text(text + "package_update: false\n")
    assert untouched.planned() == {}
    template.write_text(text)


@pytest.mark.long
def test_a_smaller_volume_and_a_lost_one_are_refused(untouched: Operator) -> None:
    untouched.edit("durable", "db-1      = { gb = 4 }", "db-1      = { gb = 3 }")
    code, out, err = untouched.run("apply", "lab", "--yes")
    assert code == 1, out
    assert "db-1" in err
    untouched.edit("durable", "db-1      = { gb = 3 }", "")
    assert "prevent_destroy" in untouched.refused("apply", "lab", "--yes")
    volumes = untouched.clouds("block-storage", "/volumes/detail?all_tenants=1")["volumes"]
    ours = {one["name"] for one in volumes if one["name"].startswith("lab-")}
    hosts = ("db-1", "db-2", "db-3", "monitor-1", "backup-1")
    assert ours == {f"lab-{host}-data" for host in hosts}
    untouched.edit("durable", "volumes = {", "volumes = {\n  db-1 = { gb = 4 }")

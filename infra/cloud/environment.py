"""The two roots of an environment together: what one has to know of the other and of what runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.cloud import plans, running, summary
from infra.cloud.terraform import Plan, Refused, Root

_NO_ID = "made-by-the-apply"
_MEMBERS = "db"


def roots_of(environment: str) -> tuple[Root, Root]:
    """The durable root and the hosts root, ready for use. Raises Refused."""
    roots = Root(environment, "durable"), Root(environment, "hosts")
    for root in roots:
        root.prepare()
    return roots


def plan_hosts(hosts: Root, variables: Mapping[str, Any], anew: Sequence[str] = ()) -> Plan:
    """Plan the hosts root; hosts in `anew` are replaced. Raises Refused.

    What touches two members of the database at once is refused, whatever the reason.
    """
    now = running.running_hosts(hosts.state())
    if unknown := set(anew) - set(now):
        raise Refused(f"{', '.join(sorted(unknown))} does not run; there is nothing to replace.")
    options = [f'-replace=module.servers.{plans.SERVER}.host["{key}"]' for key in anew]
    plan = hosts.plan({**variables, "running": now, "replacing": [*anew]}, *options)
    members = {key for key, host in now.items() if host["role"] == _MEMBERS}
    touched = plans.touched_members(plans.changes_of(plan.content), members)
    if len(touched) > 1:
        raise Refused(
            f"{' and '.join(touched)} would be touched at once, and the database with them. "
            "Do one, wait until it is a member again, then the next: make cloud-roll."
        )
    return plan


def durable_of(durable: Root) -> dict[str, Any]:
    """What the hosts root has to know of the durable one, as its variable. Raises Refused."""
    outputs = durable.outputs()
    if "durable" not in outputs:
        raise Refused("There are no data volumes and addresses yet; apply first.")
    return {"durable": outputs["durable"]}


def expected_durable(durable: Root, plan: Plan) -> dict[str, Any]:
    """The same after a plan, as far as it is known before that is applied."""
    there = durable.outputs().get("durable", {"volumes": {}, "floating_ips": {}})
    made = [one for one in plans.changes_of(plan.content) if one.kind == plans.CREATE]
    volumes = {
        one.key: {
            "id": _NO_ID,
            "gb": one.after["size"],
            "zone": one.after.get("availability_zone"),
        }
        for one in made
        if one.type == plans.VOLUME
    }
    addresses = {
        one.key: {"id": _NO_ID, "address": summary.NOT_YET}
        for one in made
        if one.type == plans.FLOATING_IP
    }
    return {
        "durable": {
            "volumes": there["volumes"] | volumes,
            "floating_ips": there["floating_ips"] | addresses,
        }
    }


def wanted_hosts(hosts: Root, known: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The hosts as the environment's values have them, each with its image."""
    image = hosts.variable("image", known)
    wanted = hosts.variable("hosts", known)
    return {key: {**host, "image": host["image"] or image} for key, host in wanted.items()}

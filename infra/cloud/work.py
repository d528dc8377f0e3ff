"""The life of an environment: plan, apply, destroy, erase, roll, and what was left behind."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.cloud import inventory, orphans, picture, plans, running, summary, terraform
from infra.cloud.environment import (
    durable_of,
    expected_durable,
    plan_hosts,
    roots_of,
    wanted_hosts,
)
from infra.cloud.terraform import Plan, Refused, Root, state_folder

_ROLL_ORDER = ("app", "edge", "loadgen", "monitor", "backup", "db")


def show_plan(options: argparse.Namespace) -> None:
    """Say what an apply would do; nothing is kept that could be applied."""
    durable, hosts = roots_of(options.environment)
    durable_plan = durable.plan({})
    _tell("durable: data volumes and public addresses", durable_plan)
    plan = plan_hosts(hosts, expected_durable(durable, durable_plan), options.replace)
    _tell("hosts: everything else", plan)
    drawn = state_folder(options.environment) / "planned.svg"
    _draw(drawn, plan.outputs["summary"], plan)
    print(f"\npicture: {drawn}")
    if options.changes:
        changes = (one for each in (durable_plan, plan) for one in plans.changes_of(each.content))
        options.changes.write_text(json.dumps({one.address: one.kind for one in changes}))
    for one in (durable_plan, plan):
        one.file.unlink()


def apply(options: argparse.Namespace) -> None:
    """First what is durable, then the hosts; each is shown and asked for."""
    durable, hosts = roots_of(options.environment)
    durable_plan = durable.plan({})
    lost = plans.lost_volumes(plans.changes_of(durable_plan.content))
    if lost:
        raise Refused(f"The data of {', '.join(lost)} would be deleted; only erasing does that.")
    _carry_out(durable, durable_plan, "durable", is_sure=options.yes)
    plan = plan_hosts(hosts, durable_of(durable), options.replace)
    _carry_out(hosts, plan, "hosts", is_sure=options.yes)
    for line in _hand_over(hosts, plan):
        print(line)


def destroy(options: argparse.Namespace) -> None:
    """Delete the hosts and their network; what is durable stays."""
    durable, hosts = roots_of(options.environment)
    plan = hosts.plan(durable_of(durable), "-destroy")
    _carry_out(hosts, plan, "hosts", is_sure=options.yes)
    print(f"Data volumes and public addresses stay; make cloud-erase ENV={options.environment}")


def erase(options: argparse.Namespace) -> None:
    """Delete everything, once its name has been typed."""
    name = options.environment
    durable, hosts = roots_of(name)
    if (
        _answer(f"This deletes {name} with all its data and addresses. Its name, to go on: ")
        != name
    ):
        raise Refused("That is not its name; nothing was changed.")
    if hosts.state():
        hosts.apply(hosts.plan(durable_of(durable), "-destroy"))
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "infra"
        shutil.copytree(
            terraform.INFRA, code, ignore=shutil.ignore_patterns(".state", ".terraform")
        )
        for override in code.glob("modules/*/erase/*_override.tf"):
            shutil.copy(override, override.parents[1])
        unprotected = Root(name, "durable", code)
        unprotected.prepare()
        unprotected.apply(unprotected.plan({}, "-destroy"))


def roll(options: argparse.Namespace) -> None:
    """Bring hosts to what they should be, each alone, with the hook before and after it."""
    durable, hosts = roots_of(options.environment)
    known = durable_of(durable)
    wanted = wanted_hosts(hosts, known)
    now = running.running_hosts(hosts.state())
    due = running.outdated(wanted, now)
    chosen = [key for key in options.hosts.split(",") if key] or sorted(
        now if options.anew else due, key=lambda key: _ROLL_ORDER.index(now[key]["role"])
    )
    if unknown := set(chosen) - set(now):
        raise Refused(f"{', '.join(sorted(unknown))} does not run.")
    for key in chosen:
        anew = [key] if options.anew and key not in due else []
        now = running.running_hosts(hosts.state())
        step = {**known, "hosts": running.as_running_but(key, wanted, now)}
        plan = plan_hosts(hosts, step, anew)
        others = {one.key for one in plans.changes_of(plan.content) if one.key in now} - {key}
        if others:
            raise Refused(
                f"More than {key} would change: {', '.join(sorted(others))}. Apply first."
            )
        address = plan.outputs["inventory"]["hosts"][key]["address"]
        print(f"\n{key}")
        for line in summary.lines(plans.changes_of(plan.content), None):
            print(line)
        _ask(f"Apply this to {options.environment}?", is_sure=options.yes)
        _call(options.hook, "before", key, address)
        hosts.apply(plan)
        _hand_over(hosts, plan)
        _call(options.hook, "after", key, address)
    print(f"Rolled: {', '.join(chosen) or 'nothing, all hosts are as they should be'}")


def show_orphans(options: argparse.Namespace) -> None:
    """List what no state knows; adopt or delete it where that is asked for."""
    roots = roots_of(options.environment)
    states = {root: root.state() for root in roots}
    known = {one["values"]["id"] for state in states.values() for one in state}
    cloud = orphans.connect()
    found = orphans.find(cloud, options.environment, known)
    for one in found:
        print(f"  {one.type} {one.name} {one.id}")
    if not found:
        print("Nothing is there that the state does not know.")
    elif options.delete:
        _ask("Delete all of these?", is_sure=options.yes)
        orphans.delete(cloud, found)
    elif options.adopt:
        _adopt(*roots, found)
    else:
        print("`--adopt` takes into the state what a plan wants; `--delete` deletes.")


def _adopt(durable: Root, hosts: Root, found: list[orphans.Orphan]) -> None:
    # Not servers: nobody knows how far their first boot came, and an import cannot tell its disk.
    found = [one for one in found if one.type != plans.SERVER]
    for root in (durable, hosts):
        variables = {} if root is durable else durable_of(durable)
        plan = root.plan({}) if root is durable else plan_hosts(root, variables)
        addresses = orphans.addresses(found, plans.changes_of(plan.content))
        for one, address in addresses.items():
            root.adopt(variables, address, one.id)
            print(f"adopted {address}")
        found = [one for one in found if one not in addresses]
    for one in found:
        print(f"no plan wants {one.name}")


def _carry_out(root: Root, plan: Plan, title: str, *, is_sure: bool) -> None:
    _tell(title, plan)
    if not plans.changes_of(plan.content) and not _changes_outputs(plan):
        return
    _ask(f"Apply this to {root.environment}?", is_sure=is_sure)
    root.apply(plan)


def _changes_outputs(plan: Plan) -> bool:
    changes = plan.content.get("output_changes", {}).values()
    return any(change["actions"] != ["no-op"] for change in changes)


def _tell(title: str, plan: Plan) -> None:
    print(f"\n{title}")
    changes = plans.changes_of(plan.content)
    problems = plans.objections(plan.content)
    for line in summary.lines(changes, plan.outputs.get("summary"), problems):
        print(line)


def _hand_over(hosts: Root, plan: Plan) -> list[str]:
    """Write the inventory and the picture; returns what to tell of them."""
    outputs, folder = hosts.outputs(), state_folder(hosts.environment)
    listed, drawn = folder / "inventory.yml", folder / "topology.svg"
    listed.write_text(inventory.to_yaml(outputs["inventory"]), encoding="utf-8")
    _draw(drawn, outputs["summary"], plan)
    return ["", *summary.facts(outputs["summary"]), f"inventory: {listed}", f"picture: {drawn}"]


def _draw(file: Path, facts: Mapping[str, Any], plan: Plan) -> None:
    file.write_text(picture.draw(facts, plans.changes_of(plan.content)), encoding="utf-8")


def _ask(question: str, *, is_sure: bool) -> None:
    if not is_sure and _answer(f"{question} Only yes goes on: ") != "yes":
        raise Refused("Nothing was changed.")


def _answer(question: str) -> str:
    try:
        return input(question).strip()
    except EOFError:  # Nobody is there.
        return ""


def _call(hook: str | None, when: str, host: str, address: str) -> None:
    if hook and subprocess.run([hook, when, host, address], check=False).returncode:
        raise Refused(f"The hook failed {when} {host}; the roll stops there.")

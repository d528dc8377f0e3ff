"""The life of a lab: up, status, down."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.lab import mariadb, processes, rabbitmq
from infra.lab.openstack import seed, services
from infra.lab.openstack.client import Cloud
from infra.lab.openstack.configuration import configure
from infra.lab.openstack.schemas import prepare_keystone
from infra.lab.ovn.servers import start_ovn, version
from infra.lab.progress import say
from infra.lab.software import install_software
from infra.lab.state import SERVICES, Lab, empty_folder, prepared_folder

_READY = "ready"


def bring_up(folder: Path) -> Lab:
    """A lab that runs: the one that is there, or a new one in place of what an earlier one left."""
    with prepared_folder(folder) as prepared:
        if (prepared / _READY).exists() and not processes.dead_names(lab := Lab.open(prepared)):
            say(f"there already: {prepared}")
            return lab
        processes.kill(prepared)
        empty_folder(prepared)
        software = install_software()
        lab = Lab.create(prepared, software)
        _start(lab)
        (prepared / _READY).touch()
    return lab


def take_down(folder: Path) -> None:
    """End every process of the lab, the databases last, and remove its folder."""
    folder = folder.resolve()
    if not folder.exists():
        processes.kill(folder)
        return
    with prepared_folder(folder):
        processes.kill(folder, but=(mariadb.NAME, rabbitmq.NAME, "ovn-nb", "ovn-sb"))
        processes.kill(folder)
        shutil.rmtree(folder)


def describe(lab: Lab) -> str:
    """What runs and where, for a person."""
    dead = processes.dead_names(lab)
    alive = [name for name in processes.names(lab) if name not in dead]
    lines = [f"Lab in {lab.folder}, software in {lab.software}, {version(lab)}"]
    lines += [f"  {service:10} {lab.url(service)}" for service in SERVICES]
    lines += [f"{len(alive)} processes run: {', '.join(alive)}"]
    if dead:
        lines += [f"Ended, see {lab.log}: {', '.join(dead)}"]
    lines += [f"As a client: . {lab.folder}/env; {lab.venv}/bin/openstack server list"]
    return "\n".join(lines)


def _start(lab: Lab) -> None:
    configure(lab)
    with ThreadPoolExecutor() as pool:
        messages, networks = pool.submit(rabbitmq.start_rabbitmq, lab), pool.submit(start_ovn, lab)
        mariadb.start_mariadb(lab)
        prepare_keystone(lab)
        services.start_keystone(lab)
        networks.result()
        messages.result()
        say("OVN and RabbitMQ run")
    services.wait_for_api(lab, "keystone")
    seed.write_catalogue(lab)
    say("Keystone runs, the catalogue is written")
    services.start_services(lab)
    services.wait_for_apis(lab)
    say("Glance, Placement, Nova, Neutron and Cinder answer")
    services.start_computes(lab)
    cloud = Cloud.admin(lab)
    seed.furnish(lab)
    say("images, flavors, external network and quotas are there")
    services.wait_for_volumes(lab, cloud)
    services.wait_for_computes(lab, cloud)
    say("hosts and storage are there: ready")

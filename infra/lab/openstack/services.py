"""The processes of the OpenStack services."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from infra.lab import processes
from infra.lab.openstack.client import Cloud
from infra.lab.ovn.servers import hosts
from infra.lab.packages import root_environ
from infra.lab.state import SERVICES, Lab

_DRIVERS = Path(__file__).parent / "drivers"
_APIS = tuple(service for service in SERVICES if service != "keystone")


def start_keystone(lab: Lab) -> None:
    """Start the service that all others ask who is asking."""
    _start_api(lab, "keystone")


def start_services(lab: Lab) -> None:
    """Start the other APIs and the processes behind them; returns before they answer."""
    for name in ("nova-conductor", "nova-scheduler"):
        _start(lab, name, "nova", "nova-databases")
    for service in _APIS:
        _start_api(lab, service)
    for name in ("cinder-scheduler", "cinder-volume"):
        _start(lab, name, "cinder", PYTHONPATH=str(_DRIVERS))
    _start(lab, "neutron-ovn-maintenance-worker", "neutron")


def wait_for_apis(lab: Lab) -> None:
    """Wait until every API answers."""
    for service in _APIS:
        wait_for_api(lab, service)


def start_computes(lab: Lab) -> None:
    """Start one nova-compute for each host."""
    for host in hosts():
        processes.start(
            lab,
            f"nova-{host}",
            [
                lab.venv / "bin/nova-compute",
                f"--config-file={lab.etc}/nova.conf",
                f"--config-file={lab.etc}/{host}.conf",
            ],
            _environ(lab),
        )


def wait_for_computes(lab: Lab, cloud: Cloud) -> None:
    """Wait until every host has reported itself and its resources, then add them to the cell."""

    def reported() -> set[str]:
        found = cloud.get("placement", "/resource_providers")["resource_providers"]
        return {provider["name"] for provider in found}

    for host in hosts():
        processes.wait_for(lab, f"nova-{host}", lambda host=host: host in reported())  # type: ignore[misc]
    configuration = [f"--config-file={lab.etc}/{name}.conf" for name in ("nova", "nova-databases")]
    command = [lab.venv / "bin/nova-manage", *configuration, "cell_v2", "discover_hosts"]
    processes.run(lab, "nova-discover-hosts", command, _environ(lab))


def wait_for_volumes(lab: Lab, cloud: Cloud) -> None:
    """Wait until Cinder's scheduler has heard of a place for volumes."""

    def is_known() -> bool:
        return bool(cloud.get("block-storage", "/scheduler-stats/get_pools")["pools"])

    processes.wait_for(lab, "cinder-volume", is_known)


def wait_for_api(lab: Lab, service: str) -> None:
    """Wait until a service answers, whatever it says."""
    processes.wait_for(lab, service, lambda: answers(lab.url(service)))


def answers(url: str) -> bool:
    """Whether an HTTP server answers there."""
    try:
        urllib.request.urlopen(url, timeout=30).close()  # noqa: S310 - our own address
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True


def _start_api(lab: Lab, service: str) -> None:
    command = [lab.venv / "bin/uwsgi", "--ini", lab.etc / f"{service}-uwsgi.ini"]
    if service == "cinder":  # It alone reads a command line.
        command += ["--pyargv", f"--config-file {lab.etc}/cinder.conf"]
    processes.start(lab, service, command, _environ(lab) | _configuration_of_api(lab, service))


def _configuration_of_api(lab: Lab, service: str) -> dict[str, str]:
    """How an API without a command line is told its files: every service has its own way."""
    etc = str(lab.etc)
    match service:
        case "keystone":
            return {"OS_KEYSTONE_CONFIG_DIR": etc}
        case "glance":
            return {"OS_GLANCE_CONFIG_DIR": etc}
        case "placement":
            return {"OS_PLACEMENT_CONFIG_DIR": etc}
        case "nova":
            paste = lab.venv / "etc/nova/api-paste.ini"
            return {
                "OS_NOVA_CONFIG_DIR": etc,
                "OS_NOVA_CONFIG_FILES": f"{paste};nova.conf;nova-databases.conf",
            }
        case "neutron":
            return {"OS_NEUTRON_CONFIG_DIR": etc, "OS_NEUTRON_CONFIG_FILES": "neutron.conf"}
    return {}


def _start(lab: Lab, program: str, *configuration: str, **environ: str) -> None:
    files = [f"--config-file={lab.etc}/{name}.conf" for name in configuration]
    processes.start(lab, program, [lab.venv / "bin" / program, *files], _environ(lab) | environ)


def _environ(lab: Lab) -> dict[str, str]:
    environ = root_environ(lab.root)  # Neutron runs a program of OVN.
    return environ | {"PATH": f"{lab.venv}/bin:{environ['PATH']}", "PYTHONWARNINGS": "ignore"}

"""The configuration of the services: templates beside this file, filled with a lab's values."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from string import Template

from infra.lab.ovn.servers import hosts
from infra.lab.state import SERVICES, Lab

_TEMPLATES = Path(__file__).parent / "templates"

_LITTLE_ASKED = ("glance", "placement")

APPLICATIONS = {
    "keystone": "keystone.wsgi.api:application",
    "glance": "glance.wsgi.api:application",
    "placement": "placement.wsgi.api:application",
    "nova": "nova.wsgi.osapi_compute:application",
    "neutron": "neutron.wsgi.api:application",
    "cinder": "cinder.wsgi.api:application",
}


def configure(lab: Lab) -> None:
    """Write the configuration of every service, and the files by which a client finds the cloud."""
    for service in SERVICES:
        _write_service(lab, service)
    write_template(lab, "nova-databases.conf")
    for host in hosts():
        write_template(lab, "nova-compute.conf", {"host": host}, name=f"{host}.conf")
        (lab.data / host).mkdir()
    write_template(lab, "clouds.yaml", folder=lab.folder)
    environ = {"OS_CLIENT_CONFIG_FILE": str(lab.folder / "clouds.yaml"), "OS_CLOUD": "biletter-lab"}
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environ.items()]
    lab.write_private(lab.folder / "env", "".join(lines))


def write_template(
    lab: Lab,
    template: str,
    values: Mapping[str, str] | None = None,
    *,
    name: str = "",
    folder: Path | None = None,
) -> None:
    """Fill a template with the lab's values and these, into the lab's configuration."""
    path = (folder or lab.etc) / (name or template)
    lab.write_private(path, _filled(lab, template, values or {}))


def _write_service(lab: Lab, service: str) -> None:
    for folder in ("lock", "images", "staging", "tasks", "coordination"):
        (lab.data / service / folder).mkdir(parents=True)
    values = {"service": service, "user": service}
    values["credentials"] = _filled(lab, "credentials.conf", values)
    values["common"] = _filled(lab, "common.conf", values)
    # Glance looks for a file of this name in the folder that it is told.
    write_template(lab, "glance-api.conf" if service == "glance" else f"{service}.conf", values)
    server = {
        "port": str(lab.ports[service]),
        "module": APPLICATIONS[service],
        "processes": "1" if service in _LITTLE_ASKED else "2",
    }
    write_template(lab, "uwsgi.ini", server, name=f"{service}-uwsgi.ini")


def _filled(lab: Lab, template: str, values: Mapping[str, str]) -> str:
    text = Template((_TEMPLATES / template).read_text(encoding="utf-8"))
    return text.substitute({**_values(lab), **values})


def _values(lab: Lab) -> dict[str, str]:
    folders = {name: str(getattr(lab, name)) for name in ("root", "venv", "etc", "run", "data")}
    database = f"openstack:{lab.passwords['database']}@127.0.0.1:{lab.ports['database']}"
    messages = f"openstack:{lab.passwords['messages']}@127.0.0.1:{lab.ports['messages']}"
    return {
        **folders,
        **{f"port_{name}": str(port) for name, port in lab.ports.items()},
        **{f"password_{name}": password for name, password in lab.passwords.items()},
        **{f"url_{service}": lab.url(service) for service in SERVICES},
        "database": f"mysql+pymysql://{database}",
        "messages": f"rabbit://{messages}/",
    }

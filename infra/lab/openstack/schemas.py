"""The schemas of the databases, made once, and what Keystone wants before it starts."""

from __future__ import annotations

import base64
import secrets
from concurrent.futures import ThreadPoolExecutor

from infra.lab import processes
from infra.lab.state import Lab

# Nova fills in what its own configuration says: the rows hold for every lab.
_CELL_DATABASE = "{scheme}://{username}:{password}@{hostname}:{port}"
_CELL_MESSAGES = "{scheme}://{username}:{password}@{hostname}:{port}/"


def make_schemas(lab: Lab) -> None:
    """Make all schemas, two services at a time: they keep two cores busy. A minute."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        jobs = [
            pool.submit(make, lab)
            for make in (_nova, _neutron, _cinder, _keystone, _glance, _placement)
        ]
        for job in jobs:
            job.result()


def prepare_keystone(lab: Lab) -> None:
    """The keys of its tokens, the administrator, and its own entry in the catalogue."""
    for number in (0, 1):  # The next key and the present one, as `fernet_setup` makes them.
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        lab.write_private(lab.data / f"keystone/fernet/{number}", key)
    url = f"{lab.url('keystone')}/v3"
    addresses = [f"--bootstrap-{kind}-url={url}" for kind in ("admin", "public", "internal")]
    # By the environment: anybody may read the arguments of a process.
    environ = {"OS_BOOTSTRAP_PASSWORD": lab.passwords["admin"]}
    command = ("bootstrap", "--bootstrap-region-id=RegionOne", *addresses)
    _run(lab, "keystone-bootstrap", "keystone-manage", _file(lab, "keystone"), *command, **environ)


def _nova(lab: Lab) -> None:
    files = (_file(lab, "nova"), _file(lab, "nova-databases"))
    query = "?charset=utf8mb3"
    cell0 = ("map_cell0", "--database_connection", f"{_CELL_DATABASE}/nova_cell0{query}")
    cell1 = (
        "create_cell",
        "--name",
        "cell1",
        "--database_connection",
        f"{_CELL_DATABASE}/nova{query}",
    )
    for name, command in (
        ("nova-api-schema", ("api_db", "sync")),
        ("nova-cell0", ("cell_v2", *cell0)),
        ("nova-cell1", ("cell_v2", *cell1, "--transport-url", _CELL_MESSAGES)),
        ("nova-schema", ("db", "sync")),
    ):
        _run(lab, name, "nova-manage", *files, *command)


def _neutron(lab: Lab) -> None:
    _run(lab, "neutron-schema", "neutron-db-manage", _file(lab, "neutron"), "upgrade", "heads")


def _cinder(lab: Lab) -> None:
    _run(lab, "cinder-schema", "cinder-manage", _file(lab, "cinder"), "db", "sync")


def _keystone(lab: Lab) -> None:
    _run(lab, "keystone-schema", "keystone-manage", _file(lab, "keystone"), "db_sync")


def _glance(lab: Lab) -> None:
    _run(lab, "glance-schema", "glance-manage", _file(lab, "glance-api"), "db_sync")


def _placement(lab: Lab) -> None:
    _run(lab, "placement-schema", "placement-manage", _file(lab, "placement"), "db", "sync")


def _file(lab: Lab, name: str) -> str:
    return f"--config-file={lab.etc}/{name}.conf"


def _run(lab: Lab, name: str, program: str, *arguments: str, **environ: str) -> None:
    processes.run(lab, name, [lab.venv / "bin" / program, *arguments], environ)

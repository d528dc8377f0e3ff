"""RabbitMQ with one user, and a name server of its own for Erlang's nodes."""

from __future__ import annotations

from infra.lab import processes
from infra.lab.openstack.configuration import write_template
from infra.lab.packages import root_environ
from infra.lab.ports import takes_connections
from infra.lab.state import Lab

NAME = "rabbitmq"

# One scheduler that sleeps when there is nothing to do; other nodes are taken from this machine.
_ERLANG = "+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"


def start_rabbitmq(lab: Lab) -> None:
    """Start both and wait until RabbitMQ takes connections."""
    write_template(lab, "rabbitmq.conf")
    home = lab.data / "rabbitmq"
    home.mkdir(parents=True)
    (home / "enabled_plugins").write_text("[].")
    (home / "environment").touch()
    epmd = str(lab.ports["node_names"])
    environ = root_environ(lab.root) | {
        "HOME": str(home),
        "ERL_EPMD_PORT": epmd,
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"lab{lab.ports['messages']}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(lab.ports["messages"]),
        "RABBITMQ_DIST_PORT": str(lab.ports["message_nodes"]),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_CONFIG_FILE": str(lab.etc / "rabbitmq"),
        "RABBITMQ_CONF_ENV_FILE": str(home / "environment"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG,
    }
    # Started by us: RabbitMQ would start it as a daemon, with a session of its own.
    names = next(lab.root.glob("usr/lib/erlang/erts-*/bin/epmd"))
    processes.start(lab, "erlang-names", [names, "-port", epmd, "-address", "127.0.0.1"], environ)
    processes.wait_for(lab, "erlang-names", lambda: takes_connections(lab.ports["node_names"]))
    server = lab.root / "usr/lib/rabbitmq/bin/rabbitmq-server"
    processes.start(lab, NAME, [server], environ)
    processes.wait_for(lab, NAME, lambda: takes_connections(lab.ports["messages"]))

"""gunicorn's configuration. gevent is patched before anything else is imported: psycopg chooses
its way of waiting when it is imported.
"""

from gevent import monkey

monkey.patch_all()

import gc  # noqa: E402 - after the patch

from app.kernel import live, logs, shared  # noqa: E402
from app.kernel.config import settings  # noqa: E402
from app.server.worker import note_reload  # noqa: E402

_settings = settings()
logs.configure(_settings.log_level)

wsgi_app = "app:create_app(warm=True)"
worker_class = "app.server.worker.Worker"
bind = [_settings.bind]
workers = _settings.workers
worker_connections = 10_000
backlog = 4096
keepalive = 75  # Longer than the load balancer's, which so is the one that closes.
timeout = 30
graceful_timeout = int(_settings.stop_seconds)
reuse_port = False
preload_app = False
proc_name = "biletter"
logger_class = "app.server.log.JsonLogger"


def on_reload(server):  # type: ignore[no-untyped-def] # noqa: ARG001 - gunicorn's hook
    note_reload()


def pre_fork(server, worker):  # type: ignore[no-untyped-def]
    taken = {other.shared_slot for other in server.WORKERS.values()}
    worker.shared_slot = next(slot for slot in range(shared.SLOTS) if slot not in taken)
    shared.stop_draining()  # A master that starts a worker is not about to stop.


def post_fork(server, worker):  # type: ignore[no-untyped-def] # noqa: ARG001 - gunicorn's hook
    shared.take_slot(worker.shared_slot)
    live.take_slot(worker.shared_slot)


def post_worker_init(worker):  # type: ignore[no-untyped-def] # noqa: ARG001 - gunicorn's hook
    # What is imported stays. To look through it for garbage again and again would stop all requests
    # of the process for 0.2 s each time, first in the first second of a rush.
    gc.collect()
    gc.freeze()


def child_exit(server, worker):  # type: ignore[no-untyped-def] # noqa: ARG001 - gunicorn's hook
    live.free_slot(worker.shared_slot)

"""gunicorn's own messages, in the same JSON as everything else."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger


class JsonLogger(Logger):  # type: ignore[misc] # gunicorn has no types
    """Leaves the handlers to app.kernel.logs; requests are logged by the front."""

    def setup(self, cfg: Any) -> None:
        del cfg
        self.error_log.propagate = True

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """The front logs requests."""

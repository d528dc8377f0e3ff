"""OpenStack's APIs over plain HTTP, as the lab's administrator or as the ordinary member."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Self

from infra.lab.errors import LabError
from infra.lab.state import Lab

_SECONDS = 120
_VERSIONS = {  # Each for its own service: Cinder stumbles over a header that names another.
    "compute": {"OpenStack-API-Version": "compute 2.96"},
    "placement": {"OpenStack-API-Version": "placement 1.29"},
}

Answer = dict[str, Any]


class RefusedError(LabError):
    """An API answered with an error."""

    def __init__(self, request: str, status: int, text: str) -> None:
        super().__init__(f"{request} was answered with {status}: {text}")
        self.status = status


class Cloud:
    """One user in one project."""

    def __init__(self, lab: Lab, user: str, password: str, project: str) -> None:
        self._url = f"{lab.url('keystone')}/v3"
        domain = {"name": "Default"}
        identity = {
            "methods": ["password"],
            "password": {"user": {"name": user, "password": password, "domain": domain}},
        }
        scope = {"project": {"name": project, "domain": domain}}
        body = {"auth": {"identity": identity, "scope": scope}}
        answer, headers = _exchange("POST", f"{self._url}/auth/tokens", body, {})
        self._token = {"X-Auth-Token": headers["X-Subject-Token"]}
        self.project: str = answer["token"]["project"]["id"]
        self.user: str = answer["token"]["user"]["id"]
        self._endpoints = {
            service["type"]: endpoint["url"]
            for service in answer["token"]["catalog"]
            for endpoint in service["endpoints"]
            if endpoint["interface"] == "public"
        }

    @classmethod
    def admin(cls, lab: Lab) -> Self:
        """The administrator."""
        return cls(lab, "admin", lab.passwords["admin"], "admin")

    @classmethod
    def member(cls, lab: Lab) -> Self:
        """The ordinary member, whose cloud Terraform uses."""
        return cls(lab, "biletter", lab.passwords["member"], "biletter")

    def get(self, service: str, path: str) -> Answer:
        """Read a resource; `service` is the type in the catalogue. Raises RefusedError."""
        return self._call("GET", service, path)

    def post(self, service: str, path: str, body: Answer) -> Answer:
        """Make a resource, or ask for an action. Raises RefusedError."""
        return self._call("POST", service, path, body)

    def put(self, service: str, path: str, body: Answer | bytes | None = None) -> Answer:
        """Set a resource, or upload the bytes of an image. Raises RefusedError."""
        return self._call("PUT", service, path, body)

    def delete(self, service: str, path: str) -> None:
        """Delete a resource. Raises RefusedError."""
        self._call("DELETE", service, path)

    def _call(
        self, method: str, service: str, path: str, body: Answer | bytes | None = None
    ) -> Answer:
        address = self._url if service == "identity" else self._endpoints[service]
        headers = self._token | _VERSIONS.get(service, {})
        return _exchange(method, address + path, body, headers)[0]


def _exchange(
    method: str, url: str, body: Answer | bytes | None, headers: dict[str, str]
) -> tuple[Answer, Any]:
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
    request = urllib.request.Request(url, content, headers | {"Content-Type": kind}, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310 - our own
            text = response.read()
            return (json.loads(text) if text else {}), response.headers
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode(errors="replace")[:1000]
        raise RefusedError(f"{method} {url}", error.code, text) from None
    except OSError as error:
        raise LabError(f"{method} {url} was not answered: {error}") from None

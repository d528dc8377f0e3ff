"""OpenStack's APIs as they are, as the lab's administrator or as the ordinary member."""

from __future__ import annotations

from typing import Any, Self

from keystoneauth1 import exceptions
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from infra.lab.errors import LabError
from infra.lab.state import Lab

_SECONDS = 120
_VERSIONS = {  # Each for its own service: Cinder stumbles over a header that names another.
    "compute": {"OpenStack-API-Version": "compute 2.96"},
    "placement": {"OpenStack-API-Version": "placement 1.29"},
}

Answer = dict[str, Any]


class Cloud:
    """One user in one project."""

    def __init__(self, lab: Lab, user: str, password: str, project: str) -> None:
        identity = v3.Password(
            f"{lab.url('keystone')}/v3",
            username=user,
            password=password,
            project_name=project,
            user_domain_name="Default",
            project_domain_name="Default",
        )
        self._session = Session(identity, timeout=_SECONDS)
        self.project = str(self._session.get_project_id())

    @classmethod
    def admin(cls, lab: Lab) -> Self:
        """The administrator."""
        return cls(lab, "admin", lab.passwords["admin"], "admin")

    @classmethod
    def member(cls, lab: Lab) -> Self:
        """The ordinary member, whose cloud Terraform uses."""
        return cls(lab, "biletter", lab.passwords["member"], "biletter")

    def get(self, service: str, path: str) -> Answer:
        """Read a resource; `service` is the type in the catalogue. Raises LabError."""
        return self._call("GET", service, path)

    def post(self, service: str, path: str, body: Answer) -> Answer:
        """Make a resource, or ask for an action. Raises LabError."""
        return self._call("POST", service, path, json=body)

    def put(self, service: str, path: str, body: Answer | None = None) -> Answer:
        """Set a resource. Raises LabError."""
        return self._call("PUT", service, path, json=body)

    def upload(self, service: str, path: str, content: bytes) -> None:
        """Set the bytes of a resource. Raises LabError."""
        kind = {"Content-Type": "application/octet-stream"}
        self._call("PUT", service, path, data=content, headers=kind)

    def delete(self, service: str, path: str) -> None:
        """Delete a resource. Raises LabError."""
        self._call("DELETE", service, path)

    def _call(
        self,
        method: str,
        service: str,
        path: str,
        headers: dict[str, str] | None = None,
        **content: Any,
    ) -> Answer:
        try:
            answer = self._session.request(
                path,
                method,
                endpoint_filter={"service_type": service, "interface": "public"},
                headers=(headers or {}) | _VERSIONS.get(service, {}),
                raise_exc=False,
                **content,
            )
        except exceptions.ClientException as error:
            raise LabError(f"{method} {path} of {service} was not answered: {error}") from None
        if not answer.ok:
            asked, said = answer.request, answer.text[:1000]
            raise LabError(f"{method} {asked.url} was answered with {answer.status_code}: {said}")
        return dict(answer.json()) if answer.content else {}

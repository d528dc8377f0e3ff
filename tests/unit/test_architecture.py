"""The shape of the code, guarded: who may import whom, and what every endpoint has to say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"
INFRASTRUCTURE = {"kernel", "local", "migrations", "server", "simulators"}
SLICES = sorted(
    path.name for path in APP.iterdir() if (path / "service.py").exists() and path.is_dir()
)
FORBIDDEN_WITHIN = {
    "rules": {"api", "service", "queries"},
    "models": {"api", "service", "queries", "rules"},
    "queries": {"api", "service"},
    "service": {"api"},
}
MAX_LINES = 400


class Import(NamedTuple):
    """One import: which file wants what."""

    path: Path
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.module}"

    @property
    def parts(self) -> list[str]:
        return self.module.split(".")


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(path: Path) -> Iterator[Import]:
    """All imports of a file, also those inside functions; names of app's modules in full."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(path, node.lineno, name.name)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} is a relative import"
            for name in node.names:
                inner = APP.parent.joinpath(*(node.module or "").split("."), name.name)
                is_module = inner.with_suffix(".py").exists() or inner.is_dir()
                module = f"{node.module}.{name.name}" if is_module else str(node.module)
                yield Import(path, node.lineno, module)


def of_app(path: Path) -> list[Import]:
    return [one for one in imports(path) if one.parts[0] == "app"]


def test_the_slices_are_found() -> None:
    assert {"bookings", "seats", "events", "payments", "people", "system"} <= set(SLICES)
    assert not INFRASTRUCTURE & set(SLICES)


@pytest.mark.parametrize("name", SLICES)
def test_a_slice_uses_another_one_only_through_its_service_and_its_words(name: str) -> None:
    wrong = [
        str(one)
        for path in python_files(APP / name)
        for one in of_app(path)
        if one.parts[1] in SLICES
        and one.parts[1] != name
        and one.parts[2] not in ("service", "models")
    ]
    assert wrong == []


@pytest.mark.parametrize("name", SLICES)
def test_imports_within_a_slice_run_one_way(name: str) -> None:
    wrong = [
        str(one)
        for path in python_files(APP / name)
        for one in of_app(path)
        if one.parts[1] == name and one.parts[2] in FORBIDDEN_WITHIN.get(path.stem, set())
    ]
    assert wrong == []


@pytest.mark.parametrize("name", SLICES)
def test_only_an_api_knows_requests_and_only_rules_are_pure(name: str) -> None:
    wrong = []
    for path in python_files(APP / name):
        for one in imports(path):
            is_web = one.parts[0] in ("flask", "werkzeug") or one.module == "app.kernel.http"
            is_database = one.parts[0] in ("sqlalchemy", "psycopg") or one.module == "app.kernel.db"
            speaks_http = path.stem in ("api", "openapi")
            if (is_web and not speaks_http) or (is_database and path.stem in ("rules", "models")):
                wrong.append(str(one))
    assert wrong == []


def test_services_do_not_depend_on_each_other_in_a_circle() -> None:
    edges = {
        name: {
            one.parts[1]
            for path in python_files(APP / name)
            for one in of_app(path)
            if one.parts[1] in SLICES and one.parts[1] != name
        }
        for name in SLICES
    }
    while edges:
        free = [name for name, needs in edges.items() if not needs & set(edges)]
        assert free, f"these need each other: {edges}"
        for name in free:
            del edges[name]


def test_the_kernel_imports_no_slice() -> None:
    wrong = [
        str(one)
        for path in python_files(APP / "kernel")
        for one in of_app(path)
        if one.parts[1] != "kernel"
    ]
    assert wrong == []


def test_the_server_knows_the_kernel_only() -> None:
    wrong = [
        str(one)
        for path in python_files(APP / "server")
        for one in of_app(path)
        if one.parts[1] not in ("kernel", "server")
    ]
    assert wrong == []


def test_the_simulators_stand_apart() -> None:
    inside = APP / "simulators"
    outwards = [
        str(one)
        for path in python_files(inside)
        for one in of_app(path)
        if one.parts[1] != "simulators"
    ]
    inwards = [
        str(one)
        for path in python_files(APP)
        if inside not in path.parents
        for one in of_app(path)
        if one.parts[1] == "simulators"
    ]
    assert outwards == inwards == []


def test_the_load_generator_never_imports_the_application() -> None:
    # The benchmark runs the service's own statement through other drivers.
    playing = [path for path in python_files(ROOT / "loadtest") if path.name != "plain_sql.py"]
    assert [str(one) for path in playing for one in of_app(path)] == []


def test_only_entry_points_patch_gevent() -> None:
    patching = {
        str(path.relative_to(ROOT))
        for path in python_files(APP)
        for one in imports(path)
        if one.module.startswith("gevent") and "monkey.patch_all()" in path.read_text()
    }
    assert {"app/server/gunicorn.conf.py", "app/worker.py"} <= patching
    for name in patching:
        tree = ast.parse((ROOT / name).read_text())
        first = next(node for node in tree.body if not isinstance(node, ast.Expr))
        assert isinstance(first, ast.ImportFrom), f"{name} patches first"
        assert first.module == "gevent", f"{name} patches first"


def test_no_file_is_longer_than_a_person_can_hold_in_mind() -> None:
    too_long = {
        str(path.relative_to(ROOT)): length
        for folder in (APP, ROOT / "loadtest")
        for path in python_files(folder)
        if (length := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert too_long == {}


def test_packages_hold_no_logic() -> None:
    for path in python_files(APP):
        if path.name == "__init__.py" and path.parent != APP:
            body = ast.parse(path.read_text()).body
            assert all(isinstance(node, ast.Expr) for node in body), path


def test_a_status_is_written_by_its_rules_alone(app: Any) -> None:
    del app
    from app.bookings import rules as bookings
    from app.payments import rules as payments

    for rules in (bookings, payments):
        assert rules.TRANSITIONS
        known = set(rules.TRANSITIONS)
        assert all(steps <= known for steps in rules.TRANSITIONS.values())


def test_every_endpoint_says_who_may_call_and_how_it_succeeds(app: Any) -> None:
    del app
    from app.application import endpoints
    from app.kernel.http import Access

    found = endpoints()
    assert len(found) >= 13
    for endpoint in found:
        where = f"{endpoint.method} {endpoint.path}"
        assert isinstance(endpoint.access, Access), where
        successes = [status for status in endpoint.answers if 200 <= status < 400]
        assert successes, where
        assert all(sentence for sentence, _ in endpoint.answers.values()), where
        assert endpoint.view.__doc__, where
    assert len({(one.method, one.path) for one in found}) == len(found)


def test_whoever_changes_something_needs_an_account_apart_from_three_calls(app: Any) -> None:
    del app
    from app.application import endpoints
    from app.kernel.http import Access

    open_to_all = {
        one.path for one in endpoints() if one.method != "GET" and one.access is not Access.ACCOUNT
    }
    # The gateway's signature and the switch for the reset stand in for an account.
    assert open_to_all == {"/api/payments/notifications", "/api/reset"}

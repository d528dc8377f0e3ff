"""A release: what goes into it, that it is the same twice, and that a damaged one is refused."""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from infra.release import bundle, tree, wheels
from infra.release.errors import ReleaseError

WHEEL = b"as good as a wheel"
ROOT = Path(__file__).parent.parent.parent
APP, LOAD = tree.KINDS["app"], tree.KINDS["load"]
DIGEST = hashlib.sha256(WHEEL).hexdigest()
LOCK = f"""\
# A comment.
flask==3.1.3 \\
    --hash=sha256:{DIGEST} \\
    --hash=sha256:{"0" * 64}
    # via -r run.in
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:{"1" * 64}
tomli==2.0.1 ; python_version < '3.12' \\
    --hash=sha256:{"2" * 64}
"""
FILES = {
    "app/__init__.py": "",
    "app/local/run.py": "",
    "app/simulators/gateway.py": "",
    "app/migrations/versions/0001_first.py": 'revision = "0001"\n',
    "app/migrations/versions/0002_second.py": 'revision = "0002"\n',
    "pyproject.toml": '[project]\nversion = "1.2.3"\n',
    "requirements/run.txt": LOCK,
    "loadtest/__main__.py": "",
    "loadtest/bench.py": "",
    "loadtest/chaos/run.py": "",
    "requirements/load.txt": LOCK,
    ".gitignore": "*.pyc\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A committed tree with all that a release is made of."""
    folder = tmp_path / "tree"
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    git(folder, *identity, "commit", "--quiet", "--message", "All")
    return folder


@pytest.fixture
def downloaded(tmp_path: Path) -> list[Path]:
    path = tmp_path / "flask-3.1.3-py3-none-any.whl"
    path.write_bytes(WHEEL)
    return [path]


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True)


def build(root: Path, to: Path, downloaded: list[Path]) -> Path:
    return bundle.write(to, tree.read(root, APP, allow_dirty=True), downloaded)


def test_a_release_knows_its_version_its_schema_and_its_commit(root: Path) -> None:
    source = tree.read(root, APP, allow_dirty=False)
    assert (source.version, source.schema, source.is_dirty) == ("1.2.3", "0002", False)
    assert len(source.commit) == 40


def test_what_is_for_laptops_and_tests_stays_out(root: Path) -> None:
    (root / "app" / "old.pyc").write_bytes(b"")
    assert set(tree.read(root, APP, allow_dirty=False).files) == {
        "app/__init__.py",
        "app/migrations/versions/0001_first.py",
        "app/migrations/versions/0002_second.py",
    }


@pytest.mark.parametrize("name", ["app/__init__.py", "app/new.py", "requirements/run.txt"])
def test_a_tree_that_differs_from_its_commit_is_refused(root: Path, name: str) -> None:
    (root / name).write_text("changed\n")
    with pytest.raises(ReleaseError, match=name):
        tree.read(root, APP, allow_dirty=False)


def test_a_change_that_is_not_released_does_not_matter(root: Path) -> None:
    (root / "README.md").write_text("new\n")
    assert not tree.read(root, APP, allow_dirty=False).is_dirty


def test_the_name_of_a_release_of_a_dirty_tree_says_so(
    root: Path, tmp_path: Path, downloaded: list[Path]
) -> None:
    (root / "app" / "new.py").write_text("")
    assert build(root, tmp_path, downloaded).name.startswith("biletter-1.2.3-dirty-")


def test_the_same_tree_gives_the_same_name_and_bytes(
    root: Path, tmp_path: Path, downloaded: list[Path]
) -> None:
    first = build(root, tmp_path / "first", downloaded)
    for path in root.rglob("*.py"):
        path.touch()
    second = build(root, tmp_path / "second", downloaded)
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_other_content_gives_another_name(
    root: Path, tmp_path: Path, downloaded: list[Path]
) -> None:
    first = build(root, tmp_path, downloaded)
    (root / "app" / "__init__.py").write_text("changed = True\n")
    assert build(root, tmp_path, downloaded).name != first.name


def test_a_whole_release_is_read(root: Path, tmp_path: Path, downloaded: list[Path]) -> None:
    path = build(root, tmp_path, downloaded)
    manifest = bundle.read(path)
    assert manifest["name"] + bundle.ENDING == path.name
    assert (manifest["version"], manifest["schema"], manifest["python"]) == (
        "1.2.3",
        "0002",
        "3.13",
    )


def test_a_damaged_release_is_refused(root: Path, tmp_path: Path, downloaded: list[Path]) -> None:
    path = build(root, tmp_path, downloaded)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ReleaseError, match="cannot be read"):
        bundle.read(path)


def test_a_release_under_another_ones_name_is_refused(
    root: Path, tmp_path: Path, downloaded: list[Path]
) -> None:
    path = build(root, tmp_path, downloaded)
    other = path.rename(tmp_path / "biletter-1.2.3-000000000000.tar.gz")
    with pytest.raises(ReleaseError, match="no release has"):
        bundle.read(other)


def test_a_release_with_a_changed_file_is_refused(
    root: Path, tmp_path: Path, downloaded: list[Path]
) -> None:
    path = build(root, tmp_path, downloaded)
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    name = path.name.removesuffix(bundle.ENDING)
    (tmp_path / "out" / name / "app" / "__init__.py").write_text("changed = True\n")
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted((tmp_path / "out").rglob("*")):
            if file.is_file():
                archive.add(file, file.relative_to(tmp_path / "out"))
    with pytest.raises(ReleaseError, match=r"damaged: app/__init__\.py"):
        bundle.read(path)


def test_a_release_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="make release builds one"):
        bundle.read(tmp_path / "biletter-1.2.3-000000000000.tar.gz")


def test_the_load_generator_is_a_release_of_its_own(
    root: Path, tmp_path: Path, downloaded: list[Path]
) -> None:
    source = tree.read(root, LOAD, allow_dirty=False)
    assert set(source.files) == {"loadtest/__main__.py"}
    path = bundle.write(tmp_path, source, downloaded)
    assert path.name.startswith("biletter-load-1.2.3-")
    manifest = bundle.read(path)
    assert (manifest["version"], "schema" in manifest) == ("1.2.3", False)


def test_what_one_kind_of_host_runs_does_not_make_the_others_release_dirty(root: Path) -> None:
    (root / "loadtest" / "__main__.py").write_text("changed = True\n")
    assert not tree.read(root, APP, allow_dirty=False).is_dirty
    with pytest.raises(ReleaseError, match="loadtest/__main__"):
        tree.read(root, LOAD, allow_dirty=False)


def test_the_load_generators_release_has_all_that_it_imports() -> None:
    files = tree.read(ROOT, LOAD, allow_dirty=True).files
    wanted = (ROOT / LOAD.lock).with_suffix(".in").read_text().replace("-", "_")
    pinned = set(re.findall(r"^(\w+)", wanted, re.MULTILINE))
    modules = {name.removesuffix(".py").replace("/", ".") for name in files}
    missing = {
        f"{path}: {name}"
        for path, content in files.items()
        if path.endswith(".py")
        for name in imported(content)
        if not (
            name in modules
            or name in pinned | sys.stdlib_module_names
            or f"{name}.__init__" in modules
        )
    }
    assert missing == set()


def imported(content: bytes) -> set[str]:
    """What a file imports: modules of ours, and names of libraries."""
    names = set()
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module in {"loadtest", "loadtest.judge"}:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name if name.startswith("loadtest") else name.split(".")[0] for name in names}


def test_a_lock_is_read_for_the_hosts_python() -> None:
    (pin,) = wheels.for_target(LOCK)
    assert pin == f"flask==3.1.3 --hash=sha256:{DIGEST} --hash=sha256:{'0' * 64}\n"


def test_a_lock_without_hashes_is_refused() -> None:
    with pytest.raises(ReleaseError, match="no hash of flask"):
        wheels.for_target("flask==3.1.3\n")


def kept(cache: Path, content: bytes) -> Path:
    """A cache that has the lock's wheels already."""
    pins = wheels.for_target(LOCK)
    digest = hashlib.sha256("".join(sorted(pins)).encode()).hexdigest()[:16]
    folder = cache / f"{digest}-cp{wheels.PYTHON}-{wheels.ARCHITECTURE}"
    folder.mkdir(parents=True)
    (folder / "flask-3.1.3-py3-none-any.whl").write_bytes(content)
    return folder


def test_kept_wheels_are_taken_without_asking_an_index(tmp_path: Path) -> None:
    folder = kept(tmp_path, WHEEL)
    assert wheels.fetch(LOCK, tmp_path) == [folder / "flask-3.1.3-py3-none-any.whl"]


def test_a_kept_wheel_that_the_lock_does_not_know_is_refused(tmp_path: Path) -> None:
    kept(tmp_path, b"something else")
    with pytest.raises(ReleaseError, match=r"flask-3\.1\.3-py3-none-any\.whl"):
        wheels.fetch(LOCK, tmp_path)

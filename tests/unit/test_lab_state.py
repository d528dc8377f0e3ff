"""A lab's folder and processes: its own are found and ended, nothing of others is touched."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from infra.lab import processes
from infra.lab.errors import LabError
from infra.lab.state import Lab, prepared_folder


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab.create(tmp_path.resolve() / "lab", tmp_path / "software")


def test_a_lab_is_found_again_with_its_ports_and_passwords(lab: Lab) -> None:
    assert Lab.open(lab.folder) == lab


def test_nobody_else_may_read_the_passwords(lab: Lab) -> None:
    assert (lab.folder / "lab.json").stat().st_mode & 0o077 == 0


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter").touch()

    with pytest.raises(LabError, match="not a lab's"), prepared_folder(tmp_path):
        pass


def test_a_second_command_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "lab"

    with prepared_folder(folder), pytest.raises(LabError, match="Another"), prepared_folder(folder):
        pass


def test_a_process_that_left_its_session_is_ended_too(lab: Lab) -> None:
    script = "import os, time\nif not os.fork(): os.setsid()\ntime.sleep(600)"
    processes.start(lab, "pair", [sys.executable, "-c", script])
    deadline = time.monotonic() + 30
    while len({p.session for p in processes.find(lab.folder)}) < len(("parent", "child")):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    processes.kill(lab.folder)

    assert processes.find(lab.folder) == []
    assert not processes.is_alive(lab, "pair")


def test_a_process_that_took_over_a_number_is_not_ours(lab: Lab) -> None:
    started = int(Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19])
    (lab.run / "impostor.service").write_text(f"{os.getsid(0)} {started + 10**9}")

    assert processes.find(lab.folder) == []


def test_the_end_of_the_log_says_why_a_process_died(lab: Lab) -> None:
    processes.start(lab, "mortal", [sys.executable, "-c", "raise SystemExit('no such table')"])

    with pytest.raises(LabError, match=r"mortal has ended(.|\n)*no such table"):
        processes.wait_for(lab, "mortal", lambda: False)


def test_a_process_ends_in_its_own_way_when_asked(lab: Lab) -> None:
    processes.start(lab, "calm", [sys.executable, "-c", "import signal; signal.pause()"])

    processes.end(lab, "calm")

    assert processes.names(lab) == []

"""What the harder scenarios refuse to begin with: one sentence, code 2, and nothing sent."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.load_fake import BUYERS, Service, serving


def run(*arguments: str) -> tuple[int, str, str]:
    """Play a scenario from the command line."""
    command = [sys.executable, "-m", "loadtest", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    return done.returncode, done.stdout, done.stderr


BAD_FILES = {
    "no column email": "name,password_plain\na,b\n",
    "line 3: 1 fields instead of 2": "email,password_plain\na@b,c\nd@e\n",
    "line 2: no e-mail address": "email,password_plain\nab,c\n",
    "line 3: a@b a second time": "email,password_plain\na@b,c\na@b,d\n",
    "no active account": "email,password_plain,is_active\na@b,c,false\n",
    "no CSV in UTF-8": b"email,password_plain\n\xff@b,c\n",
    "20 active ones": "email,password_plain\n"
    + "".join(f"{email},x\n" for email in list(BUYERS)[:20]),
}


@pytest.mark.parametrize("complaint", BAD_FILES)
def test_a_bad_account_file_is_one_sentence_and_nothing_is_sent(
    complaint: str, tmp_path: Path
) -> None:
    service, path, text = Service(), tmp_path / "users.csv", BAD_FILES[complaint]
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with serving(service) as host:
        code, printed, said = run("authenticate", "--host", host, "--accounts", str(path))
    assert (code, printed, service.requests) == (2, "", {})
    assert complaint in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("sellout", "--scale", "much"), "is no factor"),
        (("sellout", "--scale", "0.00001"), "none of 20000 seats"),
        (("sellout", "--scale", "2"), "--scale is at most 1"),
        (("rush", "--scale", "0.001", "--rate", "1"), "nothing to send"),
        (("mixed", "--accounts", "/nowhere/users.csv"), "cannot be read"),
        (("authenticate",), "--accounts"),
        (("giveback", "--host", "http://127.0.0.1:1"), "cannot be reached"),
    ],
)
def test_what_cannot_be_played_is_one_sentence(arguments: tuple[str, ...], complaint: str) -> None:
    service = Service()
    with serving(service) as host:
        code, printed, said = run(arguments[0], "--host", host, *arguments[1:])
    assert (code, printed) == (2, "")
    assert complaint in said
    assert said.count("\n") == 1
    assert service.requests["POST /api/reset"] == 0


def test_accounts_of_another_dataset_are_not_taken_for_a_slow_service(
    tmp_path: Path,
) -> None:
    service, path = Service(), tmp_path / "users.csv"
    path.write_text("email,password_plain\nstranger@example.org,x\n")
    with serving(service) as host:
        code, _, said = run("sellout", "--host", host, "--accounts", str(path))
    assert code == 2
    assert "answers 401 to stranger@example.org" in said
    assert set(service.requests) == {"GET /api/seats", "GET /api/bookings"}

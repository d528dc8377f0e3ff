"""A headless Chromium, driven over the pipe of its DevTools: no driver, no port, no library."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SECONDS = 20.0
_READS, _WRITES = 3, 4  # Where Chromium expects the two ends of its pipe.


class BrowserError(Exception):
    """Chromium refused a command, or the page has no such element."""


class Browser:
    """One tab and what a person does in it."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._unread = b""
        self._count = 0
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session: str = attached["sessionId"]

    def open(self, address: str) -> None:
        """Go to an address."""
        self._in_tab("Page.navigate", url=address)

    @property
    def address(self) -> str:
        """Where the tab is."""
        return str(self.evaluate("location.href"))

    @property
    def text(self) -> str:
        """What a person reads on the page."""
        return str(self.evaluate("document.body.innerText"))

    def wait_for(self, expression: str) -> Any:
        """Wait until a JavaScript expression is true, over any number of pages; return it."""
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                if found := self.evaluate(expression):
                    return found
            except BrowserError:
                pass  # The page is just being replaced by the next one.
            assert time.monotonic() < deadline, f"{expression} did not come true: {self.text}"
            time.sleep(0.02)

    def click(self, selector: str) -> None:
        """Press and release the left button in the middle of an element that is visible."""
        x, y = self.wait_for(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            if (!element || document.readyState !== "complete") return null;
            element.scrollIntoView({{block: "center", behavior: "instant"}});
            const box = element.getBoundingClientRect();
            const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
            return element.contains(document.elementFromPoint(x, y)) ? [x, y] : null;
        }})()""")
        place = {"x": x, "y": y, "button": "left", "clickCount": 1}
        for step in ("mousePressed", "mouseReleased"):
            self._in_tab("Input.dispatchMouseEvent", type=step, **place)

    def screenshot(self, path: Path) -> None:
        """Save what the tab shows."""
        path.write_bytes(base64.b64decode(self._in_tab("Page.captureScreenshot")["data"]))

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        answer = self._in_tab("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(answer["exceptionDetails"]["text"])
        return answer["result"].get("value")

    def _in_tab(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._call(method, self._session, **parameters)

    def _call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        command: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if session is not None:
            command["sessionId"] = session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._count:
            continue  # An event of the page.
        if "error" in answer:
            raise BrowserError(answer["error"]["message"])
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._answers], [], [], _SECONDS)
            assert ready, "Chromium is silent"
            received = os.read(self._answers, 1 << 16)
            assert received, "Chromium has ended"
            self._unread += received
        message, _, self._unread = self._unread.partition(b"\0")
        content: dict[str, Any] = json.loads(message)
        return content


@contextmanager
def chromium(binary: str, profile: Path) -> Iterator[Browser]:
    """Run Chromium with an empty profile of its own."""
    # High numbers, so that putting them where Chromium wants them overwrites neither.
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in _pipes()]
    reads_commands, commands, answers, writes_answers = ends

    def put_pipes_in_place() -> None:
        os.dup2(reads_commands, _READS)
        os.dup2(writes_answers, _WRITES)

    command = [binary, "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    command += ["--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--lang=ru"]
    command += ["--window-size=900,1000", "--hide-scrollbars", "--disable-background-networking"]
    if os.geteuid() == 0:
        command.append("--no-sandbox")  # Chromium's sandbox refuses to run as root.
    with subprocess.Popen(
        command,
        close_fds=False,
        preexec_fn=put_pipes_in_place,  # noqa: PLW1509 - it calls the kernel and nothing else
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(reads_commands)
        os.close(writes_answers)
        try:
            yield Browser(commands, answers)
        finally:
            process.kill()
            os.close(commands)
            os.close(answers)


def _pipes() -> Iterator[int]:
    for _ in range(2):
        for end in os.pipe():
            yield end
            os.close(end)

"""A headless Chromium, driven over the DevTools protocol through a pipe: no driver and no library between."""

import json
import os
import shutil
import subprocess
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",  # CI runs as root; the only page is ours
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",  # nothing but this machine is asked for
    "--disable-background-networking",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--window-size=1200,1400",
)
_END_SECONDS = 30


def chromium() -> str | None:
    """The command, if there is one."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Page:
    """One page. `requested` has the URL of everything that it asked for, `complaints` what it wrote to the console."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, receive
        self._number, self._rest, self._session = 0, b"", ""
        self.requested: list[str] = []
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression; a promise is waited for."""
        answer = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str, *, seconds: float = 60) -> Any:
        """The expression's value as soon as it is true."""
        return _until(lambda: self.run(script), seconds, script)

    def soon(self, script: str, *, seconds: float = 5) -> bool:
        """Whether the expression is true within so many seconds."""
        try:
            return bool(self.wait(script, seconds=seconds))
        except AssertionError:
            return False

    def click(self, selector: str) -> None:
        self.wait(f"!!document.querySelector({json.dumps(selector)})")
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def picture(self, file: Path) -> None:
        file.write_bytes(b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _call(self, method: str, **parameters: object) -> dict[str, Any]:
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while (said := self._next()).get("id") != self._number:
            self._note(said)
        assert "error" not in said, said
        return dict(said["result"])

    def _note(self, said: dict[str, Any]) -> None:
        match said.get("method"), said.get("params", {}):
            case "Network.requestWillBeSent", {"request": {"url": url}}:
                self.requested.append(url)
            case "Runtime.exceptionThrown", {"exceptionDetails": details}:
                self.complaints.append(str(details))
            case "Log.entryAdded", {"entry": {"level": "error", "text": text, **entry}}:
                self.complaints.append(f"{text} {entry.get('url', '')}")

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            received = os.read(self._receive, 1 << 20)
            assert received, "Chromium ended"
            self._rest += received
        said, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(said))


def _until(look: Callable[[], Any], seconds: float, what: str) -> Any:
    give_up_at = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < give_up_at, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return found


@contextmanager
def page(command: str, profile: Path, *flags: str) -> Iterator[Page]:
    """A page of a fresh browser, which is gone at the end. It reads its orders on descriptor 3, answers on 4.

    It ends by itself when these are closed, and removes its temporary files, which it couldn't if it were killed.
    """
    (read_orders, send), (receive, write_answers) = os.pipe(), os.pipe()
    run = f'exec "$@" 3<&{read_orders} 4>&{write_answers}'
    process = subprocess.Popen(
        ["bash", "-c", run, "bash", command, *_FLAGS, *flags, f"--user-data-dir={profile}"],
        pass_fds=(read_orders, write_answers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    os.close(read_orders)
    os.close(write_answers)
    try:
        yield Page(send, receive)
    finally:
        os.close(send)
        os.close(receive)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()

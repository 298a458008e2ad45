"""A headless Chromium that opens pages from the disk and is driven as a reader would drive it.

It speaks the DevTools protocol (https://chromedevtools.github.io/devtools-protocol) over pipes: JSON
messages, each with a zero byte behind it, on the browser's file descriptors 3 and 4.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb",
    "--disable-background-networking", "--disable-component-update", "about:blank",
)  # fmt: skip
PATIENCE = 60  # seconds
CODES = {
    "Enter": 13,
    "Escape": 27,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}
PAINTED = "new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))"


class Page:
    """A page in a browser of its own; *events* is all that the browser told, the oldest first."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        pipes = 'exec chromium "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1'
        shell = ["sh", "-c", pipes, "sh", *FLAGS, f"--user-data-dir={self._home.name}"]
        self._process = subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin
        assert self._process.stdout
        self._out, self._in = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._numbers, self._buffer, self._session = itertools.count(1), b"", dict[str, str]()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._home.cleanup()

    def call(self, method: str, **parameters: object) -> Any:
        """The browser's answer; raises `RuntimeError` with its words for what it refuses."""
        number, until = next(self._numbers), time.monotonic() + PATIENCE
        message = {"id": number, "method": method, "params": parameters, **self._session}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._receive(until)).get("id") != number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _receive(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready = select.select([self._in], [], [], max(until - time.monotonic(), 0))[0]
            block = os.read(self._in, 1 << 16) if ready else b""
            if not block:
                raise TimeoutError("the browser is gone" if ready else "the browser says nothing")
            self._buffer += block
        message, self._buffer = self._buffer.split(b"\0", 1)
        return dict(json.loads(message))

    def open(self, path: Path) -> None:
        """Open the file *path*, and wait until what its scripts make is there."""
        self.call("Page.navigate", url=path.resolve().as_uri())
        made = "location.protocol === 'file:' && Boolean(document.querySelector('main > *'))"
        until = time.monotonic() + PATIENCE
        while not self.value(made):
            assert time.monotonic() < until, f"{path}: no report"
        self.value(PAINTED)

    def value(self, script: str) -> Any:
        """What *script* evaluates to, awaited; raises `RuntimeError` with its error."""
        options = {"returnByValue": True, "awaitPromise": True}
        done = self.call("Runtime.evaluate", expression=script, **options)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["exception"].get("description", "error"))
        return done["result"].get("value")

    def text(self, selector: str) -> str:
        return str(self.value(f"document.querySelector({json.dumps(selector)}).innerText"))

    def press(self, key: str) -> None:
        typed = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        event = {"key": key, "windowsVirtualKeyCode": CODES.get(key, ord(key[0].upper()))}
        self.call("Input.dispatchKeyEvent", type="keyDown", **event, **typed)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)
        self.value(PAINTED)

    def mouse(self, x: float, y: float, *, click: bool = True) -> None:
        button = "left" if click else "none"
        for kind in ("mouseMoved", *(("mousePressed", "mouseReleased") if click else ())):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=1)
        self.value(PAINTED)

    def resize(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)

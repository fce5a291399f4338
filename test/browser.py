"""A real browser without a window, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import WebSocketClientConnection, websocket_connect

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed: apt install chromium"
)

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
_PATIENCE_S = 30.0
_LARGEST = 1 << 26


class Browser:
    """One page in a browser that is open already.

    Args:
        port: of its DevTools.
        path: of the browser's own end there.
    """

    def __init__(self, port: int, path: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._socket: WebSocketClientConnection = self._loop.run_until_complete(
            self._connect(f"ws://127.0.0.1:{port}{path}")
        )
        self._calls = 0
        self._session = ""
        self.errors: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, address: str) -> None:
        """Load a page."""
        self._call("Page.navigate", url=address)
        self.wait_until("location.protocol === 'http:' && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """Return what a JavaScript expression comes to in the page."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_until(self, condition: str, patience_s: float = _PATIENCE_S) -> float:
        """Wait until a JavaScript expression is true, and return for how many seconds."""
        began = time.monotonic()
        while not self.evaluate(f"Boolean({condition})"):
            waited = time.monotonic() - began
            assert waited < patience_s, f"never so: {condition}; {self.evaluate('document.body.innerText')}"
            time.sleep(0.02)
        return time.monotonic() - began

    def picture(self, width: int, height: int) -> bytes:
        """Return what the page looks like, as a PNG of so many pixels."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        # The next frame has the page drawn at its new size.
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        """Let the browser end."""
        self._session = ""
        self._call("Browser.close")
        self._loop.close()

    async def _connect(self, address: str) -> WebSocketClientConnection:
        return await websocket_connect(address, max_message_size=_LARGEST)

    def _call(self, method: str, **parameters: Any) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(self._ask(method, parameters), _PATIENCE_S))

    async def _ask(self, method: str, parameters: dict[str, Any]) -> Any:
        self._calls += 1
        question: dict[str, Any] = {"id": self._calls, "method": method, "params": parameters}
        if self._session:
            question["sessionId"] = self._session
        await self._socket.write_message(json.dumps(question))
        while True:
            answer = json.loads(await self._socket.read_message() or "{}")
            if answer.get("id") == self._calls:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self._keep_error(answer)

    def _keep_error(self, event: dict[str, Any]) -> None:
        """Keep what the page did wrong: exceptions, and what its policy forbade."""
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(event["params"]["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded":
            entry = event["params"]["entry"]
            if entry["level"] == "error" and entry["source"] != "network":
                self.errors.append(entry["text"])


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser of its own, with an empty folder for what it keeps."""
    assert CHROMIUM is not None
    with subprocess.Popen(
        [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            page = Browser(*_devtools(profile / "DevToolsActivePort", process))
            yield page
            page.close()
            process.wait(_PATIENCE_S)
        finally:
            process.kill()


def _devtools(file: Path, process: subprocess.Popen[bytes]) -> tuple[int, str]:
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        assert process.poll() is None, f"chromium ended with {process.returncode}"
        lines = file.read_text(encoding="utf-8").split() if file.exists() else []
        if len(lines) == 2:
            return int(lines[0]), lines[1]
        time.sleep(0.05)
    raise AssertionError("chromium opened no DevTools")

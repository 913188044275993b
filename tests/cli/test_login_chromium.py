"""A login through a real browser: Chromium, steered by its DevTools protocol."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from connector.emulator.access import Access
from connector.emulator.app import Emulator, EmulatorThread

from ..logins import logged_out, logging_in

CHROMIUM = shutil.which("chromium")
PATIENCE = 60  # seconds; a busy machine starts a browser in ten

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")


class Page:
    """A tab of the browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}

    def _call(self, method: str, session: dict[str, str] | None = None, **members: Any) -> Any:
        number = next(self._numbers)
        request = {"id": number, "method": method, "params": members, **(session or {})}
        self._connection.send(json.dumps(request))
        while True:
            answer = json.loads(self._connection.recv(PATIENCE))
            if answer.get("id") == number:
                return answer.get("result", {})

    def open(self, url: str) -> None:
        self._call("Page.navigate", self._session, url=url)

    def run(self, script: str) -> Any:
        """The script's value, ``None`` while the page is on its way."""
        answer = self._call("Runtime.evaluate", self._session, expression=script)
        return answer.get("result", {}).get("value")

    def wait_for(self, script: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.run(script):
            assert time.monotonic() < deadline, self.run("document.body.innerText")
            time.sleep(0.1)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    assert CHROMIUM is not None
    words = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",  # root has none
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-proxy-server",
        "--ignore-certificate-errors",  # no browser knows the emulator's CA
        "--remote-debugging-port=0",
        f"--user-data-dir={tmp_path / 'chromium'}",
        "about:blank",
    ]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if found := re.search(r"DevTools listening on (ws://\S+)", line):
                    break
            assert found
            with connect(found[1], proxy=None, compression=None) as connection:
                yield Page(connection)
        finally:
            process.kill()


@pytest.fixture
def access(tmp_path: Path) -> Iterator[Access]:
    (tmp_path / "emulator").mkdir()
    with EmulatorThread(Emulator(tmp_path / "emulator")) as access:
        yield access


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_a_login_by_clicks(decision: str, page: Page, access: Access, tmp_path: Path) -> None:
    environ = logged_out(access, tmp_path)
    with logging_in(environ, "--no-browser") as login:
        page.open(login.url("/authorize"))
        page.wait_for("document.getElementById('allow') !== null")
        page.run(f"document.querySelector('[name=password]').value = '{access.password}'")
        page.run(f"document.getElementById('{decision}').click()")
        page.wait_for("document.body.innerText.includes('You can close this page')")
        assert login.process.wait(PATIENCE) == (0 if decision == "allow" else 77)
        if decision == "allow":
            assert "Logged in with the profile codecatalyst" in login.stdout.read()
        else:
            assert "The login was refused (access_denied" in login.stderr.read()

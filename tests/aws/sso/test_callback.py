"""Requests to the callback from other programs, which must not end the login."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from connector.aws.sso.callback import Callback
from connector.errors import CredentialsError

STATE = "the-state"


class Waiting:
    """A login that waits in a thread for its browser."""

    def __init__(self) -> None:
        self.callback = Callback(STATE)
        parts = urlsplit(self.callback.url)
        self.port, self.path = parts.port or 0, parts.path
        self.outcome: object = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self.callback:
                self.outcome = self.callback.wait(30)
        except CredentialsError as error:
            self.outcome = error

    def join(self) -> object:
        self._thread.join(20)
        return self.outcome

    def request(self, query: str, *, method: str = "GET", **headers: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, f"{self.path}?{query}", headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def finish(self) -> None:
        status, page = self.request(f"code=the-code&state={STATE}")
        assert (status, "Almost done" in page) == (200, True)
        assert self.join() == "the-code"


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    waiting = Waiting()
    yield waiting
    if waiting.outcome is None:
        waiting.request(f"code=x&state={STATE}")
    waiting.join()


@pytest.mark.parametrize(
    "query",
    [
        "error=access_denied&error_description=Call+555-0100",
        "error=x&state=",
        "error=x&state=guessed",
        f"error=x&state={STATE}&state=guessed",
        f"code=x&state=guessed&state={STATE}",
        f"code=one&code=two&state={STATE}",
        f"state={STATE}",
        "code=x",
        "&".join(["a=b"] * 1000),
        "state=%ff%fe&code=%00",
    ],
)
def test_request_without_the_state_does_not_end_the_login(waiting: Waiting, query: str) -> None:
    status, page = waiting.request(query)
    assert status == 400
    assert "555" not in page
    assert waiting.outcome is None
    waiting.finish()


def test_error_with_the_state_ends_the_login(waiting: Waiting) -> None:
    assert waiting.request(f"error=access_denied&state={STATE}")[0] == 200
    assert "access_denied" in str(waiting.join())


@pytest.mark.parametrize("host", ["attacker.example", "localhost:1", "127.0.0.1", ""])
def test_request_for_another_host_is_refused(waiting: Waiting, host: str) -> None:
    """A page can point its own name at this machine (DNS rebinding)."""
    assert waiting.request(f"code=x&state={STATE}", Host=host)[0] == 421
    waiting.finish()


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "PUT"])
def test_other_methods_are_refused(waiting: Waiting, method: str) -> None:
    assert waiting.request(f"code=x&state={STATE}", method=method)[0] == 501
    waiting.finish()


def test_oversized_requests_are_refused(waiting: Waiting) -> None:
    assert waiting.request("a" * 70_000)[0] == 414
    assert waiting.request("code=x", **{f"X-{number}": "x" for number in range(200)})[0] == 431
    waiting.finish()


def test_idle_connections_do_not_lock_the_browser_out(waiting: Waiting) -> None:
    before = threading.active_count()
    idle = [socket.create_connection(("127.0.0.1", waiting.port), 10) for _ in range(200)]
    try:
        waiting.finish()
        assert threading.active_count() - before < 100
    finally:
        for connection in idle:
            connection.close()


def test_slow_request_is_dropped_at_its_deadline(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.aws.sso.callback._REQUEST_TIMEOUT", 0.5)
    with socket.create_connection(("127.0.0.1", waiting.port), 10) as slow:
        assert sent_until_dropped(slow) < 1000
    waiting.finish()


def sent_until_dropped(connection: socket.socket) -> int:
    """Send single bytes until the peer closes; return their number, at most 1000."""
    for number in range(1000):
        try:
            connection.sendall(b"X")
        except OSError:
            return number
        time.sleep(0.02)
    return 1000


def test_first_result_counts(waiting: Waiting) -> None:
    waiting.request(f"code=the-code&state={STATE}")
    assert waiting.join() == "the-code"

"""A connection while it reconnects: every wait has a limit."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping

import pytest

from connector.errors import (
    ConnectorError,
    CredentialsError,
    LinkLost,
    ServiceError,
    UpgradeRejected,
)
from connector.sessions import SessionAccess, StartProgress
from connector.transport import connection, websocket
from connector.transport.address import StreamSettings
from connector.transport.connection import Connection
from connector.transport.loop import Loop
from connector.transport.pace import CALM
from connector.transport.session import Session
from connector.transport.trust import Trust

PATIENCE = 10.0


class Owner:
    """A ConnectionOwner that keeps the failures."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []

    def connection_made(self, token: str) -> None:
        raise AssertionError("there is no gateway here")

    def connection_messages(self, messages: list[bytes]) -> None:
        raise AssertionError("there is no gateway here")

    def connection_text(self, text: str) -> None:
        raise AssertionError("there is no gateway here")

    def connection_writable(self) -> None:
        """Do nothing: no test writes."""

    def connection_dialled(self) -> None:
        """Do nothing."""

    def connection_ended(self, untaken: int) -> None:
        """Do nothing: no stream of these tests is raw."""

    def connection_lost(self) -> None:
        """Do nothing: no link of these tests is up."""

    def connection_failed(self, error: BaseException) -> None:
        self.failures.append(error)


class Source:
    """The source of a started session. Resuming waits for ``resuming`` and returns ``fresh``."""

    def __init__(self) -> None:
        self.fresh: SessionAccess | None = None
        self.refusals: list[ConnectorError] = []
        self.resuming = threading.Event()
        self.resuming.set()

    def start(self, progress: StartProgress) -> SessionAccess:
        raise AssertionError("it is started")

    def resume(self, access: SessionAccess) -> SessionAccess | None:
        self.resuming.wait(PATIENCE)
        if self.refusals:
            raise self.refusals.pop()
        return self.fresh

    def stop(self, access: SessionAccess, timeout: float) -> None:
        """Do nothing."""

    def tidy(self) -> None:
        """Do nothing: no sessions are left behind."""


class Scene:
    """A connection of a session with a signer, on a loop of its own."""

    def __init__(self, loop: Loop, port: int) -> None:
        self.loop = loop
        self.owner = Owner()
        self.source = Source()
        self.signed_urls: list[str] = []
        self.renewals = 0  # calls of the signer after a refusal
        self.refused = False
        self.signing = threading.Event()
        self.signing.set()
        self.refusals: list[ConnectorError] = []
        session = Session(loop, self.source)
        self.url = f"ws://127.0.0.1:{port}/"
        session.access = SessionAccess(self.url, "token", "s-1", signer=self.sign)
        self.session = session
        self.connection = Connection(
            loop, session, StreamSettings(Trust(), url_given=True), self.owner, lambda: 0.0
        )

    def sign(self, url: str, refused: bool) -> Mapping[str, str]:
        self.signed_urls.append(url)
        self.renewals += refused
        self.signing.wait(PATIENCE)
        if self.refusals:
            raise self.refusals.pop()
        return {}

    def lose(self) -> None:
        """Break a link that was accepted."""
        self.connection._accepted_once = True
        self.connection.link_lost(LinkLost("the gateway broke the connection"))

    def refuse(self) -> None:
        """Refuse the upgrade of a link."""
        self.refused = True
        self.connection.link_lost(UpgradeRejected("403"))

    def run_until_failure(self) -> BaseException:
        deadline = self.loop.time() + PATIENCE
        self.loop.call_at(deadline, lambda: None)
        self.loop.run(lambda: bool(self.owner.failures) or self.loop.time() >= deadline)
        (failure,) = self.owner.failures
        return failure

    def close(self) -> None:
        self.signing.set()
        self.source.resuming.set()
        self.connection.abort()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A scene with short limits, whose gateway does not listen."""
    monkeypatch.setattr(connection, "RECONNECT_TIMEOUT", 0.5)
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with contextlib.closing(Loop()) as loop:
        scene = Scene(loop, port)
        yield scene
        scene.close()
        assert scene.refused or not scene.renewals  # no other failure is cured by new keys


@pytest.mark.parametrize("who", ["signing", "resuming"])
def test_call_without_an_answer_times_out(scene: Scene, who: str) -> None:
    (scene.signing if who == "signing" else scene.source.resuming).clear()
    scene.lose()
    failure = scene.run_until_failure()
    assert isinstance(failure, LinkLost)
    assert "could not be restored" in str(failure)
    assert "in time" in str(failure)


def test_missing_credentials_are_retried_while_reconnecting(scene: Scene) -> None:
    scene.refusals = [CredentialsError("not now")]
    scene.lose()
    assert "cannot be reached" in str(scene.run_until_failure())
    assert len(scene.signed_urls) > 1


def test_missing_credentials_of_a_resumption_are_retried(scene: Scene) -> None:
    scene.source.refusals = [CredentialsError("not now")]
    scene.lose()
    assert "cannot be reached" in str(scene.run_until_failure())
    assert scene.source.refusals == []


def test_missing_credentials_end_the_session_at_the_first_link(scene: Scene) -> None:
    scene.refusals = [CredentialsError("none")]
    scene.connection.open(PATIENCE)
    assert isinstance(scene.run_until_failure(), CredentialsError)


def test_refused_upgrade_is_signed_anew_once(scene: Scene) -> None:
    scene.lose()
    scene.refuse()
    assert "cannot be reached" in str(scene.run_until_failure())
    assert scene.renewals == len(scene.signed_urls) > 0


def test_second_refusal_ends_the_session(scene: Scene) -> None:
    scene.lose()
    scene.refuse()
    assert scene.owner.failures == []
    scene.refuse()
    assert "refused to resume the session" in str(scene.run_until_failure())


def test_refusal_without_a_signer_ends_the_session(scene: Scene) -> None:
    scene.session.access = SessionAccess(scene.url, "token", "s-1")
    scene.lose()
    scene.refuse()
    assert "refused to resume the session" in str(scene.run_until_failure())


def test_missing_credentials_end_the_session_after_a_refusal(scene: Scene) -> None:
    scene.refusals = [CredentialsError("a code is needed")]
    scene.lose()
    scene.refuse()
    assert isinstance(scene.run_until_failure(), CredentialsError)


def test_refused_url_is_not_signed(scene: Scene) -> None:
    scene.session.access = SessionAccess("wss://[::1", "token", signer=scene.sign)
    scene.connection.open(PATIENCE)
    assert isinstance(scene.run_until_failure(), ServiceError)
    assert scene.signed_urls == []


def test_link_after_a_cut_is_calm_for_longer(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    calm: list[object] = []
    real = websocket.Link

    def link(*details: object) -> object:
        calm.append(details[-1])
        return real(*details)  # type: ignore[arg-type]

    monkeypatch.setattr(websocket, "Link", link)
    address = scene.connection._settings.check(scene.url)
    for lost_before in (False, True):
        scene.connection._accepted_once = lost_before
        ours, theirs = socket.socketpair()
        with theirs:
            scene.connection._connected(address, ours, {})
            scene.connection.abort()
    assert calm == [0, CALM]


def test_new_access_keeps_the_old_values_that_it_lacks(scene: Scene) -> None:
    scene.source.fresh = SessionAccess("", "fresh")
    scene.lose()
    assert "cannot be reached" in str(scene.run_until_failure())
    assert scene.session.access is not None
    assert scene.session.access == SessionAccess(scene.url, "fresh", "s-1", scene.sign)
    assert set(scene.signed_urls) == {scene.url}


def test_new_url_is_signed_instead_of_the_old_one(scene: Scene) -> None:
    scene.source.fresh = SessionAccess(f"{scene.url}?cell-number=a+b/c=", "fresh")
    scene.lose()
    assert "cannot be reached" in str(scene.run_until_failure())
    assert set(scene.signed_urls) == {scene.source.fresh.stream_url}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("wss://example.com/?secret", "not a gateway of AWS"),
        ("ws://example.com/?secret", "not wss"),
        ("wss://[::1", "malformed"),
    ],
)
def test_new_url_is_checked_like_the_first(scene: Scene, url: str, words: str) -> None:
    scene.source.fresh = SessionAccess(url, "fresh")
    scene.lose()
    failure = scene.run_until_failure()
    assert isinstance(failure, ServiceError)
    assert words in str(failure)
    assert "secret" not in str(failure)
    assert scene.signed_urls == []

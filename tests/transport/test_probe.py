"""A probe waits for the SSH server's greeting, whatever comes before it, and ends."""

from __future__ import annotations

import pytest

from connector.emulator.listener import Certificates, make_certificates
from connector.errors import ConnectFailed, RemoteProtocolError
from connector.transport import lifecycle
from connector.transport import probe as probe_module
from connector.transport.address import StreamSettings
from connector.transport.loop import Loop
from connector.transport.probe import Probe
from connector.transport.trust import Trust

from ..endtoend.states import Source
from ..hostile.gateway import Conversation, HostileGateway, handshake, output

STEPS = ["dial", "upgrade", "handshake", "greeting"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("probe"))


@pytest.fixture(autouse=True)
def short_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the end of a session wait a short time for acks: the agent of these tests sends none."""
    monkeypatch.setattr(lifecycle, "DRAIN_TIMEOUT", 0.1)


def probe(certificates: Certificates, *frames: bytes) -> tuple[Probe, Source]:
    """Probe an agent that sends these frames after the handshake; also return the source."""

    def play(conversation: Conversation) -> None:
        conversation.accept()
        conversation.send(handshake(), *frames)

    with HostileGateway(certificates.server_context, play) as gateway:
        source = Source(f"wss://127.0.0.1:{gateway.port}/")
        source.start_answers.set()
        source.stop_answers.set()
        loop = Loop()
        try:
            probe = Probe(loop, source, StreamSettings(Trust(str(certificates.ca_file))))
            probe.run()
        finally:
            loop.close()
    return probe, source


@pytest.mark.parametrize(
    "pieces",
    [
        [b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n"],
        [b"SSH-2.0-Open", b"SSH_9.2p1 Debian\r\n\0\0\1\2"],
        [b"Welcome,\r\nSSH is spoken here\r\n", b"SSH-2.0-OpenSSH_9.2p1 Debian\n"],
    ],
)
def test_probe_reports_the_greeting(certificates: Certificates, pieces: list[bytes]) -> None:
    frames = [output(2 + number, piece) for number, piece in enumerate(pieces)]
    done, source = probe(certificates, *frames)

    assert (done.greeting, done.silence) == ("SSH-2.0-OpenSSH_9.2p1 Debian", None)
    assert done.error is None
    assert list(done.steps) == STEPS
    assert all(0 <= seconds < 10 for seconds in done.steps.values())
    assert source.stopped == 1


def test_probe_reports_a_silent_server(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_module, "GREETING_TIMEOUT", 0.05)
    done, source = probe(certificates)

    assert isinstance(done.silence, ConnectFailed)
    assert list(done.steps) == STEPS[:3]
    assert source.stopped == 1


def test_probe_reports_a_server_other_than_ssh(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_module, "GREETING_TIMEOUT", 0.05)
    done, source = probe(certificates, output(2, b"220 mail ready\r\n"))

    assert isinstance(done.silence, RemoteProtocolError)
    assert done.greeting == ""
    assert source.stopped == 1


def test_probe_gives_up_on_an_endless_preface(certificates: Certificates) -> None:
    frames = [output(2 + number, b"x" * 1000) for number in range(100)]
    done, source = probe(certificates, *frames)

    assert isinstance(done.silence, RemoteProtocolError)
    assert source.stopped == 1

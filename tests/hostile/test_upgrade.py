"""Responses to the upgrade that are malformed or refuse it."""

from __future__ import annotations

import socket

import pytest

from .conftest import MEMORY, Attach
from .gateway import Conversation

OK = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
NO_GATEWAY = "127.0.0.1 is not a message gateway"
REFUSED = "refused the connection (403)"

#: Name of a case -> the response, and words of the error.
ANSWERS = {
    "garbage": (b"\x00\xff" * 2000 + b"\r\n\r\n", NO_GATEWAY),
    "another protocol": (b"SSH-2.0-OpenSSH_9.9\r\n", NO_GATEWAY),
    "HTTP/1.0": (b"HTTP/1.0 101 Switching Protocols\r\n\r\n", NO_GATEWAY),
    "an invalid status": (b"HTTP/1.1 9999 What\r\n\r\n", NO_GATEWAY),
    "a header without a colon": (OK.encode() + b"nonsense\r\n\r\n", NO_GATEWAY),
    "folded headers": (OK.encode() + b" Sec-WebSocket-Accept: x\r\n\r\n", NO_GATEWAY),
    "no key": (f"{OK}\r\n".encode(), NO_GATEWAY),
    "no upgrade": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", NO_GATEWAY),
    "a line without an end": (b"HTTP/1.1 101 " + b"x" * 1_000_000, NO_GATEWAY),
    "a huge header": (OK.encode() + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n", NO_GATEWAY),
    "too many headers": (OK.encode() + b"X: y\r\n" * 100_000, NO_GATEWAY),
    "too large a body": (b"HTTP/1.1 403 No\r\nContent-Length: 999999999999\r\n\r\n", REFUSED),
    "a body in chunks": (
        b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
        REFUSED,
    ),
    "escape sequences": (b"HTTP/1.1 403 \x1b[31m\r\nContent-Length: 0\r\n\r\n", REFUSED),
    "a plain refusal": (
        b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno",
        REFUSED,
    ),
    "an ordinary page": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "(200)"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_malformed_upgrade_response_is_refused_in_one_line(attach: Attach, case: str) -> None:
    answer, words = ANSWERS[case]

    def play(client: Conversation) -> None:
        client.read_upgrade()
        client.send(answer)

    verdict = attach(play).verdict()
    assert verdict.exit_code == 76, verdict
    (line,) = verdict.stderr.splitlines()
    assert words in line
    assert line.isprintable()
    assert verdict.stdout == b""
    assert verdict.connections == 1
    assert verdict.peak_kib < MEMORY


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Sec-WebSocket-Extensions: permessage-deflate", None),
        ("Sec-WebSocket-Protocol: chat", None),
        ("X: y", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=", None),
    ],
    ids=["compression", "subprotocol", "another key", "two keys"],
)
def test_upgrade_with_unrequested_features_is_refused(
    attach: Attach, header: str, key: str | None
) -> None:
    verdict = attach(lambda client: client.accept(header, key=key)).verdict()
    assert verdict.exit_code == 76, verdict
    assert NO_GATEWAY in verdict.stderr


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(attach: Attach, status: int) -> None:
    """The client does not send the token either; it does so only after an accepted upgrade."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        location = f"wss://127.0.0.1:{elsewhere.getsockname()[1]}/"

        def play(client: Conversation) -> None:
            client.read_upgrade()
            client.send(
                f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\n"
                "Content-Length: 0\r\n\r\n".encode()
            )

        verdict = attach(play).verdict()
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert verdict.exit_code == 76
    assert f"refused the connection ({status})" in verdict.stderr
    assert verdict.connections == 1

"""All targets by name, and the seeds of each."""

from __future__ import annotations

import json
from collections.abc import Callable

from connector.datachannel import payloads
from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import ACKNOWLEDGE, INPUT_STREAM_DATA, OUTPUT_STREAM_DATA

from . import answers, core, surroundings, websocket

Target = Callable[[bytes], None]

#: A target takes any bytes. An exception is a bug.
TARGETS: dict[str, Target] = {
    "codec": core.codec,
    "documents": core.documents,
    "channel": core.channel,
    "host-name": surroundings.host_name,
    "aws-config": surroundings.aws_config,
    "token-cache": surroundings.token_cache,
    "session-description": surroundings.session_description,
    "stream-url": surroundings.stream_url,
    "proxy-setting": surroundings.proxy_setting,
    "http-answer": surroundings.http_answer,
    "known-gateways": surroundings.known_gateways,
    "answers": answers.answers,
    "websocket": websocket.websocket,
}

_REQUEST = payloads.handshake_request(
    payloads.HandshakeRequest(
        "3.3", (payloads.ClientAction("SessionType", {"SessionType": "Port", "Properties": None}),)
    )
)
_UUID = "01234567-89ab-cdef-0123-456789abcdef"

SEEDS: dict[str, list[bytes]] = {
    "codec": [
        AgentMessage(OUTPUT_STREAM_DATA, b"SSH-2.0-x\r\n", 1).encode(),
        AgentMessage(ACKNOWLEDGE, payloads.acknowledge(INPUT_STREAM_DATA, bytes(16), 7)).encode(),
        AgentMessage("pause_publication").encode(),
    ],
    "documents": [
        b"\0" + payloads.acknowledge(INPUT_STREAM_DATA, bytes(16), 7),
        b"\1" + _REQUEST,
        b"\2" + payloads.handshake_response("1.2.764.0", []),
        b"\3" + payloads.handshake_complete("Welcome", 1),
        b"\4" + payloads.flag(2),
        b"\5EXIT_CODE: -1",
    ],
    "channel": [
        # A handshake, HandshakeComplete, output, an ack, input.
        bytes([9, 0, 10, 0, 1, 0, 3, 97, 98, 99, 6, 0, 11, 1, 0, 13, 4]),
        # Output without a handshake, a gap, the missing message, the end.
        bytes([1, 0, 1, 97, 2, 1, 0, 1, 98, 1, 0, 1, 99, 12, 0, 13, 255]),
        # A pause by a text frame, a lost link, a new link.
        bytes([9, 0, 10, 0, 8, 3, 0, 0, 14, 14, 8, 4, 0, 0, 13, 16]),
    ],
    "host-name": [
        f"codecatalyst-dev-env=ExampleCorp=web.site-1={_UUID}".encode(),
        f"aws-devenv-{_UUID}".encode(),
        f"alias\nExampleCorp\nweb.site-1\n{_UUID}".encode(),
    ],
    "aws-config": [
        b"[default]\nregion = us-west-2\n[profile dev]\nsso_session = a\nca_bundle = /x\n"
        b"[sso-session a]\nsso_region = us-east-1\nsso_start_url = https://x\n",
        b"[profile 'dev']\ns3 =\n  max = 1\nservices = a\n",
    ],
    "token-cache": [
        json.dumps(
            {
                "accessToken": "aoaAAA",
                "expiresAt": "2026-11-22T10:00:00Z",
                "clientId": "a",
                "clientSecret": "b",
                "refreshToken": "c",
                "registrationExpiresAt": "2027-01-01T00:00:00UTC",
            }
        ).encode()
    ],
    "session-description": [
        b'{"streamUrl":"wss://localhost/?a=b","tokenValue":"AAEAAd","sessionId":"s-1"}'
    ],
    "stream-url": [
        b"\0wss://ssmmessages.us-west-2.amazonaws.com/v1/data-channel/s-1?role=publish_subscribe",
        b"\0ws://[::1]:8080/path",
        b"\1wss://gateway.example.com?X-Amz-Signature=a%2Fb",
        b"\1wss://gateway%2F.example.com",
    ],
    "proxy-setting": [b"http://user:pass%20word@proxy.example.com:3128", b"proxy:80"],
    # The first byte of a piece is its length.
    "http-answer": [
        b"\xffHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"\x20HTTP/1.1 100 Continue\r\n\r\nHTTP/1\xff.1 403 No\r\nTransfer-Encoding: chunked\r\n"
        b"\r\n2\r\nno\r\n0\r\n\r\n",
    ],
    "known-gateways": [b'{"a":"ssmmessages.us-west-2.amazonaws.com","b":"localhost:8443"}'],
    "answers": answers.SEEDS,
    "websocket": websocket.SEEDS,
}

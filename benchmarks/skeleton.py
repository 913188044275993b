"""The minimum that a ProxyCommand in Python does until the server's greeting.

It starts a session, opens its data channel, answers the handshake, prints the first output, and
ends with its stdin. It is the yardstick for the time to the greeting. ``--boto3`` starts the
session by boto3's client instead of http.client. It uses nothing of the connector and protects
nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
import struct
import sys
import time
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

HEADER = struct.Struct("!I32sIQqQ16s32sII")
INPUT, OUTPUT, ACKNOWLEDGE = b"input_stream_data", b"output_stream_data", b"acknowledge"
HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, DATA = 5, 6, 1


def start_by_http(names: list[str], context: ssl.SSLContext) -> tuple[str, str]:
    """Return the URL and the token of a new session."""
    from http.client import HTTPSConnection

    url = urlsplit(os.environ["AWS_ENDPOINT_URL_CODECATALYST"])
    connection = HTTPSConnection(url.netloc, context=context)
    space, project, environment = names
    connection.request(
        "PUT",
        f"/v1/spaces/{space}/projects/{project}/devEnvironments/{environment}/session",
        json.dumps({"sessionConfiguration": {"sessionType": "SSH"}}),
        {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {os.environ['AWS_BEARER_TOKEN_CODECATALYST']}",
        },
    )
    details = json.loads(connection.getresponse().read())["accessDetails"]
    return details["streamUrl"], details["tokenValue"]


def start_by_boto3(names: list[str], _: ssl.SSLContext) -> tuple[str, str]:
    import boto3  # type: ignore[import-untyped]

    space, project, environment = names
    client = boto3.client("codecatalyst", region_name="us-west-2")
    details = client.start_dev_environment_session(
        spaceName=space,
        projectName=project,
        id=environment,
        sessionConfiguration={"sessionType": "SSH"},
    )["accessDetails"]
    return details["streamUrl"], details["tokenValue"]


def message(kind: bytes, number: int, flags: int, payload_type: int, payload: bytes) -> bytes:
    digest = hashlib.sha256(payload).digest()
    created = int(time.time() * 1000)
    head = (116, kind.ljust(32), 1, created, number, flags, os.urandom(16), digest, payload_type)
    return HEADER.pack(*head, len(payload)) + payload


def join(
    url: str, token: str, context: ssl.SSLContext
) -> tuple[ssl.SSLSocket, ClientProtocol, bytes]:
    """Join the session and return its first output."""
    address = parse_uri(url)
    connection = socket.create_connection((address.host, address.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock = context.wrap_socket(connection, server_hostname=address.host)
    protocol = ClientProtocol(address, max_size=None)
    protocol.send_request(protocol.connect())
    opened = False
    while True:
        for data in protocol.data_to_send():
            sock.sendall(data)
        protocol.receive_data(sock.recv(65536))
        for event in protocol.events_received():
            if not opened:
                opened = True
                opening = {
                    "MessageSchemaVersion": "1.0",
                    "RequestId": "11111111-2222-4333-8444-555555555555",
                    "TokenValue": token,
                    "ClientId": "11111111-2222-4333-8444-555555555555",
                    "ClientVersion": "1.2.764.0",
                }
                protocol.send_text(json.dumps(opening).encode())
            elif output := answer(protocol, event):
                for data in protocol.data_to_send():
                    sock.sendall(data)
                return sock, protocol, output


def answer(protocol: ClientProtocol, event: object) -> bytes:
    """Ack one message and answer a handshake. Return the message's output, if it has any."""
    if not isinstance(event, Frame) or event.opcode is not Opcode.BINARY:
        return b""
    frame = bytes(event.data)
    _, kind, _, _, number, _, wire_id, _, payload_type, _ = HEADER.unpack_from(frame)
    if kind.strip() != OUTPUT:
        return b""
    digits = wire_id.hex()
    digits = digits[16:] + digits[:16]
    acknowledge = {
        "AcknowledgedMessageType": OUTPUT.decode(),
        "AcknowledgedMessageId": "-".join(
            (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        ),
        "AcknowledgedMessageSequenceNumber": number,
        "IsSequentialMessage": True,
    }
    protocol.send_binary(message(ACKNOWLEDGE, 0, 3, 0, json.dumps(acknowledge).encode()))
    payload = frame[HEADER.size :]
    if payload_type == HANDSHAKE_REQUEST:
        answers = [
            {"ActionType": action["ActionType"], "ActionStatus": 1, "ActionResult": None}
            for action in json.loads(payload)["RequestedClientActions"]
        ]
        response = {"ClientVersion": "1.2.764.0", "ProcessedClientActions": answers}
        protocol.send_binary(
            message(INPUT, 0, 0, HANDSHAKE_RESPONSE, json.dumps(response).encode())
        )
    return payload if payload_type == DATA else b""


def main() -> None:
    """``[--boto3] HOST``"""
    by_boto3 = sys.argv[1] == "--boto3"
    names = sys.argv[-1].split("=")[1:]
    context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
    url, token = (start_by_boto3 if by_boto3 else start_by_http)(names, context)
    joined = join(url, token, context)
    os.write(1, joined[2])
    sys.stdin.read()  # the session stays open, as the connector's does


if __name__ == "__main__":
    main()

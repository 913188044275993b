"""The client's side of the WebSocket protocol (RFC 6455), sans-I/O: bytes in, frames out.

``websockets`` has a sans-I/O core, too, but its import brings ``typing``, ``dataclasses``,
``logging``, regular expressions and the parser of mail. So this module does what a link needs: no
extensions, no subprotocols, no server. A fuzz target compares both (``fuzz/websocket.py``).

Saves 40 ms of CPU time a connection: ``python -m benchmarks.tricks frames``. That is all that a
connection would import for ``websockets``, and the rest of the connector does without.

One function of ``websockets`` is used: it masks frames in C. It is loaded when large frames or
many frames are sent, which is after the start.
"""

from __future__ import annotations

import binascii
import os
from collections.abc import Callable, Mapping
from hashlib import sha1

#: States of a connection (RFC 6455, sections 4.1 and 7.1).
CONNECTING, OPEN, CLOSING = "connecting", "open", "closing"

#: Opcodes (section 5.2).
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

#: Close codes (section 7.4.1).
NORMAL, PROTOCOL_ERROR, NO_CODE, INVALID_TEXT, TOO_BIG = 1000, 1002, 1005, 1007, 1009
_CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)))

#: Bytes of the answer to the upgrade, without a body, and of the interim answers before it.
MAX_HEAD = 64 * 1024

_HTTP, _HEAD_END = b"HTTP/1.", b"\r\n\r\n"

#: Appended to the key of the upgrade (section 1.3).
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#: A frame of more bytes, or so many frames, pay for the import of the function that masks in C.
_LARGE, _MANY = 1024, 64


class BadFrame(Exception):
    """The peer broke the protocol.

    :ivar code: the close code for it.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class BadUpgrade(Exception):
    """The peer did not upgrade the connection.

    :ivar status: the HTTP status of its answer; 101 or 0 if the answer is malformed.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Frame:
    """A frame that was received. Fragments are not joined."""

    __slots__ = ("data", "fin", "opcode")

    def __init__(self, opcode: int, data: bytes, fin: bool = True) -> None:
        self.opcode = opcode
        self.data = data
        self.fin = fin


class WebSocket:
    """One connection. It begins with :meth:`upgrade`.

    :param max_size: bytes of a message at most, all its fragments together.
    :param random: returns so many random bytes.
    :ivar events: the frames that were received, in order. The caller takes them out. The answer to
        the upgrade is no event.
    :ivar outgoing: bytes to send. The caller takes them out.
    :ivar error: why nothing more is received. The end of the connection is the caller's matter.
    :ivar close_code: of the close frame that was received; 0 before it. ``close_reason`` likewise.
    """

    def __init__(self, max_size: int, random: Callable[[int], bytes] = os.urandom) -> None:
        self.state = CONNECTING
        self.events: list[Frame] = []
        self.outgoing = bytearray()
        self.error: BadFrame | BadUpgrade | None = None
        self.close_code = 0
        self.close_reason = ""
        self._max_size = max_size
        self._random = random
        self._accept = b""
        self._head_left = MAX_HEAD
        self._buffer = bytearray()
        self._needed = 0  # bytes that the buffer has to have before there is another frame
        self._fragments = -1  # bytes of the message that is received in fragments; -1: none is
        self._mask: Mask = mask_slowly
        self._mask_sought = False  # whether a faster one was looked for
        self._frames_sent = 0

    # Sending.

    def upgrade(self, host: str, resource: str, headers: Mapping[str, str]) -> None:
        """Send the request of the upgrade.

        :param host: the value of the ``Host`` header.
        :param resource: path and query, which are sent verbatim.
        :param headers: more headers.
        """
        key = binascii.b2a_base64(self._random(16), newline=False)
        self._accept = binascii.b2a_base64(sha1(key + _GUID).digest(), newline=False)
        lines = [
            f"GET {resource} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key.decode()}",
            "Sec-WebSocket-Version: 13",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self.outgoing += "\r\n".join([*lines, "", ""]).encode()

    def send(self, opcode: int, data: bytes) -> None:
        """Send an unfragmented frame."""
        size = len(data)
        if size < 126:
            head = bytes((0x80 | opcode, 0x80 | size))
        elif size < 0x10000:
            head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
        self._frames_sent += 1
        if not self._mask_sought and (size > _LARGE or self._frames_sent > _MANY):
            self._mask_sought = True
            self._mask = _fastest_mask()
        key = self._random(4)
        self.outgoing += head + key
        self.outgoing += self._mask(data, key)

    def close(self, code: int) -> None:
        """Send a close frame. Frames are received until the peer answers it."""
        self.send(CLOSE, code.to_bytes(2, "big") if code != NO_CODE else b"")
        self.state = CLOSING

    # Receiving.

    def receive(self, data: bytes) -> None:
        """Take in bytes. After an error and after the peer's close frame they are dropped."""
        if self.error or self.close_code:
            return
        if self._buffer:
            known = len(self._buffer)
            self._buffer += data
            if len(self._buffer) < self._needed:
                return
            if self.state == CONNECTING and self._is_within_head(known):
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        taken = 0
        try:
            if self.state == CONNECTING:
                taken = self._take_answer(data)
            if self.state != CONNECTING:
                taken = self._take_frames(data, taken)
        except (BadUpgrade, BadFrame) as error:
            self.error = error
            if isinstance(error, BadFrame) and self.state == OPEN:
                self.close(error.code)
        self._buffer += data[taken:]

    def _is_within_head(self, known: int) -> bool:
        """Return whether the buffer holds no end of an answer. A byte is looked at only once.

        :param known: bytes of the buffer that were looked at before.
        """
        return (
            len(_HTTP) <= known
            and len(self._buffer) < self._head_left
            and self._buffer.find(_HEAD_END, known - len(_HEAD_END) + 1) < 0
        )

    def _take_answer(self, data: bytes) -> int:
        """Return the size of the answers to the upgrade that are complete.

        Interim answers, as 103 is one, say nothing about the upgrade (RFC 9110, section 15.2).

        :raises BadUpgrade: when the connection is not upgraded.
        """
        at = 0
        while True:
            end = data.find(_HEAD_END, at, at + self._head_left)
            if end < 0:
                start = data[at : at + len(_HTTP)]
                if len(data) - at >= self._head_left or not _HTTP.startswith(start):
                    raise BadUpgrade(0, "the answer is not HTTP")
                return at
            first, *lines = data[at:end].decode("latin-1").split("\r\n")
            end += len(_HEAD_END)
            self._head_left -= end - at
            at = end
            status = _status_of(first)
            if status == 101:
                self._check_upgrade(first, lines)
                self.state = OPEN
                return at
            if status >= 200:
                raise BadUpgrade(status, f"the answer is {status}")

    def _check_upgrade(self, first: str, lines: list[str]) -> None:
        """Check the first line and the headers of a 101 (RFC 6455, section 4.1).

        :raises BadUpgrade: when they do not upgrade the connection as it was asked for.
        """
        if not first.startswith("HTTP/1.1 "):
            raise BadUpgrade(101, "HTTP/1.0 has no upgrade")
        headers: dict[str, list[str]] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise BadUpgrade(101, "a header is malformed")
            headers.setdefault(name.lower(), []).append(value.strip(" \t"))

        def words(name: str) -> list[str]:
            listed = ",".join(headers.get(name, ())).split(",")
            # A list may have empty elements (RFC 9110, section 5.6.1).
            return [word.strip(" \t").lower() for word in listed if word.strip(" \t")]

        if words("upgrade") != ["websocket"] or "upgrade" not in words("connection"):
            raise BadUpgrade(101, "the answer upgrades to something else")
        if headers.get("sec-websocket-accept") != [self._accept.decode()]:
            raise BadUpgrade(101, "the answer is not to this request")
        if "sec-websocket-extensions" in headers or "sec-websocket-protocol" in headers:
            raise BadUpgrade(101, "the answer has what was not asked for")

    def _take_frames(self, data: bytes, at: int) -> int:
        """Add all complete frames to the events. Return where the first incomplete one begins.

        :param at: where the first frame begins.
        :raises BadFrame: when the peer breaks the protocol.
        """
        end = len(data)
        self._needed = 0
        while end - at >= 2 and not self.close_code:
            first, size = data[at], data[at + 1]
            if first != 0x80 | BINARY or size > 127 or self._fragments >= 0:
                self._check_head(first, size)
            start = at + 2
            if size > 125:
                start += 2 if size == 126 else 8
                if start > end:
                    break
                size = int.from_bytes(data[at + 2 : start], "big")
            if size > self._max_size - max(self._fragments, 0) and not first & CLOSE:
                raise BadFrame(TOO_BIG, "a message is too large")
            if start + size > end:
                self._needed = start + size - at
                break
            at = start + size
            opcode = first & 0x0F
            frame = Frame(opcode, data[start:at], first > 127)
            if opcode >= CLOSE:
                self._take_control(frame)
            elif frame.fin:
                self._fragments = -1
            else:
                self._fragments = max(self._fragments, 0) + size
            self.events.append(frame)
        return end if self.close_code else at

    def _check_head(self, first: int, second: int) -> None:
        """Check the first two bytes of a frame (RFC 6455, sections 5.2 to 5.5).

        :raises BadFrame: when the peer must not send such a frame here.
        """
        opcode = first & 0x0F
        if first & 0x70 or second > 127:
            raise BadFrame(PROTOCOL_ERROR, "a frame has reserved bits, or is masked")
        if opcode in (CLOSE, PING, PONG):
            if first < 128 or second > 125:
                raise BadFrame(PROTOCOL_ERROR, "a control frame is long or fragmented")
        elif opcode not in (CONT, TEXT, BINARY):
            raise BadFrame(PROTOCOL_ERROR, "a frame has an unknown opcode")
        elif (opcode == CONT) != (self._fragments >= 0):
            raise BadFrame(PROTOCOL_ERROR, "a fragment is not where it belongs")

    def _take_control(self, frame: Frame) -> None:
        """Answer a ping or a close frame.

        :raises BadFrame: when a close frame is malformed.
        """
        if frame.opcode == PING:
            self.send(PONG, frame.data)
        elif frame.opcode == CLOSE:
            code = int.from_bytes(frame.data[:2], "big") if frame.data else NO_CODE
            if frame.data and (len(frame.data) < 2 or code not in _CLOSE_CODES):
                raise BadFrame(PROTOCOL_ERROR, "a close frame has no valid code")
            try:
                self.close_reason = frame.data[2:].decode()
            except UnicodeDecodeError:
                raise BadFrame(INVALID_TEXT, "a close frame is not UTF-8") from None
            self.close_code = code
            if self.state == OPEN:
                self.close(code)


def _status_of(line: str) -> int:
    """Return the status of an answer's first line.

    A proxy or a load balancer may refuse by HTTP/1.0.

    :raises BadUpgrade: when it is not the line of an answer.
    """
    version, _, rest = line.partition(" ")
    digits = rest.partition(" ")[0]
    known = version in ("HTTP/1.0", "HTTP/1.1") and digits.isascii() and digits.isdigit()
    if not known or len(digits) != 3 or digits < "100":
        raise BadUpgrade(0, "the answer is not HTTP")
    return int(digits)


Mask = Callable[[bytes, bytes], bytes]


def mask_slowly(data: bytes, key: bytes) -> bytes:
    """Return data masked with a key of 4 bytes (RFC 6455, section 5.3)."""
    size = len(data)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")


def _fastest_mask() -> Mask:
    """Return the function of ``websockets`` that masks in C, where there is one.

    The package itself is not imported: that would take 20 ms in the middle of a transfer.
    """
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    package = PathFinder.find_spec("websockets")
    places = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec("websockets.speedups", places) if places else None
    if spec is None or spec.loader is None:
        return mask_slowly
    try:
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError:  # it is for another system, or may not be loaded from there
        return mask_slowly
    mask: Mask = module.apply_mask
    return mask

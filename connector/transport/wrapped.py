"""The wrapper that ``exec`` starts a command in, and the parser of what the wrapper prints.

The agent runs a command on a terminal, or with its output and errors in one file, or with
pipes. Two of these tell no exit status, a terminal changes bytes, and the agent takes all
output for text. So the command runs in a script for ``sh``, and this is what it prints::

    <TOKEN:MODE MISSING ...>    the command is about to start
    QUJD...                     stdout, in base64: a run of blocks, each padded by itself
    {QUJD...}                   stderr, likewise; written at once, so nothing is inside it
    <TOKEN:STATUS>              the last bytes

The token is random, so output cannot pretend to be a marker. A mode is one of these letters,
and ``i`` follows if the script reads input:

- ``B``: base64, as above.
- ``R``: raw, for a far end without the programs that ``B`` needs: the command's output and
  errors as they are.
- ``T``: raw on a terminal, for a user who sits at one.

Input is lines of base64, and a line with a full stop is its end.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable, Iterator, Sequence

from ..datachannel.events import (
    ChannelClosed,
    ChannelFailed,
    CommandExited,
    DataReceived,
    ErrorOutput,
    Event,
)
from ..errors import ConnectorError, RemoteProtocolError, SessionEnded

#: Characters that a word of a command may have, of the service's model (2022-09-28).
LONGEST_WORD = 255

#: Bytes without a start marker after which there is none.
LONGEST_PREFACE = 64 * 1024

#: Bytes of the longest block of stderr, with room to spare; and of a marker.
LONGEST_BLOCK = 4096

#: ``exec`` in a subshell runs programs only, never what the shell has built in. ``dd`` reads
#: what is there and does not wait for more. A block of stderr is one write of less than
#: 1,024 bytes, the buffer of a shell that writes to a terminal. What reads the input is not
#: waited for: it ends with the terminal. It closes descriptors by ``exec``, since a shell keeps
#: copies of what a redirection of a function closes, and ``e`` waits for the last copy of 3.
_FRAMED = """\
t=$1;shift;exec 4>&1 7<&0 2>/dev/null
m=;f=R;for x in base64 dd tr;do command -v $x >&2||m="$m $x";done
[ "$m" ]||f=B
if [ -t 0 ];then if ! stty raw -echo;then m="$m stty";elif [ $f = B ];then f=Bi;fi;fi
o(){ while l=$(dd bs=49152 count=1|base64);[ "$l" ];do printf '%s\\n' "$l";done;}
e(){ while l=$(dd bs=510 count=1|base64|tr -d '\\n');[ "$l" ];do printf '{%s}' "$l";done;}
i(){ while IFS= read -r l&&[ "$l" != . ];do printf %s "$l"|base64 -d||break;done;}
printf '<%s:%s>' $t "$f$m"
if [ $f = R ];then (exec "$@" </dev/null 2>&1 4>&- 7<&-);s=$?
else s=$({ { { case $f in Bi)(exec <&7 3>&- 4>&- 5>&-;i)&;;esac;}|\
{ (exec "$@" 2>&3 3>&- 4>&- 5>&- 7<&-);echo $? >&5;}|o >&4 3>&- 5>&-;} 3>&1|e >&4 5>&-;} 5>&1)
fi
s=${s:-255};printf '<%s:%s>' $t $s;exit $s"""

_ON_TERMINAL = """\
t=$1;shift;trap : INT QUIT;printf '<%s:T>' $t
(exec "$@");s=$?;printf '<%s:%s>' $t $s;exit $s"""

_SPACE = b" \r\n"
_PADDED = re.compile(rb"[^=]+={0,2}")
_SPECIAL = re.compile(rb"[{<]")


def wrap(words: Sequence[str], token: str, *, on_terminal: bool) -> list[str]:
    """Return the command that runs ``words`` in the wrapper.

    :param token: letters and digits.
    :param on_terminal: whether the command keeps the terminal that the agent may give it.
    """
    script = _ON_TERMINAL if on_terminal else _FRAMED
    starts = range(0, len(script), LONGEST_WORD)
    pieces = [script[start : start + LONGEST_WORD] for start in starts]
    joined = "".join(f"${number}" for number in range(1, len(pieces) + 1))
    return ["sh", "-c", f's={joined};shift {len(pieces)};eval "$s"', "sh", *pieces, token, *words]


def new_token() -> str:
    """Return 128 random bits."""
    return os.urandom(16).hex()


class WrappedOutput:
    """Turns what the wrapper prints back into the command's output, errors and status.

    :param token: the one that :func:`wrap` was given.
    :param on_start: is called once with the mode and the programs that the far end lacks.
    :ivar mode: of the start marker; empty before it.
    """

    def __init__(self, token: str, on_start: Callable[[str, list[str]], None]) -> None:
        self.mode = ""
        self._prefix = f"<{token}:".encode()
        self._on_start = on_start
        self._buffer = b""
        self._quads = b""
        self._ended = False

    def translate(self, events: Sequence[Event]) -> Iterator[Event]:
        """Give the events of the command for those of the session."""
        for event in events:
            if isinstance(event, DataReceived):
                try:
                    yield from self._feed(event.data)
                except ConnectorError as error:
                    self._ended = True
                    yield ChannelFailed(error)
            elif isinstance(event, CommandExited):
                if not self._ended:
                    yield from self._flush()
                    self._ended = True
                    yield event
            elif isinstance(event, ChannelClosed):
                yield from self._closed(event)
            else:
                yield event

    def _closed(self, event: ChannelClosed) -> Iterator[Event]:
        yield from self._flush()
        if self._ended or event.output.strip() or event.output_missing:
            yield event
        elif self.mode:
            yield ChannelFailed(
                SessionEnded(
                    "the session ended without the exit status of the command",
                    "The Dev Environment may be stopping: check its state and try again",
                )
            )
        else:
            yield ChannelFailed(_not_wrapped())

    def _flush(self) -> Iterator[Event]:
        """What is held back can be no marker any more."""
        held, self._buffer = self._buffer, b""
        if not held or self._ended or self.mode.startswith("B"):
            return
        # Before the marker, it is the far end that says why the script does not run.
        yield DataReceived(held) if self.mode else ErrorOutput(held)

    def _feed(self, data: bytes) -> Iterator[Event]:
        if self._ended:
            return
        self._buffer += data
        if not self.mode:
            self._find_start()
        if self.mode.startswith("B"):
            yield from self._framed()
        elif self.mode:
            yield from self._raw()

    def _find_start(self) -> None:
        before, found, rest = self._buffer.partition(self._prefix)
        if found and b">" in rest:
            words, _, self._buffer = rest.partition(b">")
            self.mode, *missing = words.decode(errors="replace").split() or ["R"]
            self._on_start(self.mode, missing)
        elif len(before) > LONGEST_PREFACE or len(rest) > LONGEST_BLOCK:
            raise _not_wrapped()

    def _raw(self) -> Iterator[Event]:
        before, found, rest = self._buffer.partition(self._prefix)
        if not found:
            held = _overlap(self._buffer, self._prefix)
            before = self._buffer[: len(self._buffer) - held]
        self._buffer = self._buffer[len(before) :]
        if before:
            yield DataReceived(before)
        if found and b">" in rest:
            yield self._exited(rest.partition(b">")[0])
        elif len(rest) > LONGEST_BLOCK:
            raise _disturbed()

    def _framed(self) -> Iterator[Event]:
        while not self._ended:
            special = _SPECIAL.search(self._buffer)
            block = self._buffer[: special.start()] if special else self._buffer
            self._quads += block.translate(None, _SPACE)
            self._buffer = self._buffer[len(block) :]
            whole = len(self._quads) & ~3
            if data := _decoded(self._quads[:whole]):
                yield DataReceived(data)
            self._quads = self._quads[whole:]
            if special is None:
                return
            is_error = self._buffer.startswith(b"{")
            inside, closed, rest = self._buffer.partition(b"}" if is_error else b">")
            if not closed:
                if len(inside) > LONGEST_BLOCK:
                    raise _disturbed()
                return
            self._buffer = rest
            if is_error:
                yield ErrorOutput(_decoded(inside[1:].translate(None, _SPACE)))
            elif inside.startswith(self._prefix) and not self._quads:
                yield self._exited(inside[len(self._prefix) :])
            else:
                raise _disturbed()

    def _exited(self, status: bytes) -> CommandExited:
        if not (status.isdigit() and int(status) <= 255):
            raise _disturbed()
        self._ended = True
        self._buffer = b""
        return CommandExited(int(status))


def _overlap(data: bytes, prefix: bytes) -> int:
    """How many of the last bytes may be the beginning of the prefix."""
    for size in range(min(len(data), len(prefix) - 1), 0, -1):
        if data.endswith(prefix[:size]):
            return size
    return 0


def _decoded(quads: bytes) -> bytes:
    """Decode whole blocks, padded each by itself."""
    try:
        parts = _PADDED.findall(quads)
        return b"".join(base64.b64decode(part, validate=True) for part in parts)
    except binascii.Error:
        raise _disturbed() from None


def _disturbed() -> RemoteProtocolError:
    return RemoteProtocolError(
        "something besides the command's output was written to its session",
        "For a program that writes to its terminal use `connector shell` or ssh",
    )


def _not_wrapped() -> SessionEnded:
    return SessionEnded(
        "the command was not started: the Dev Environment did not run the script for sh",
        "Use `connector shell` or ssh",
    )

"""The wrapper that ``exec`` starts a command in, the parser of its output, and its input.

The agent runs a command on a terminal, with stdout and stderr in one file, or with pipes. Two
of these report no exit status, a terminal changes bytes, and the agent treats all output as
text. So the command runs in a script for ``sh``, which prints::

    <TOKEN:MODE MISSING ...>    the command is about to start
    QUJD...                     stdout, in base64: a run of blocks, each padded by itself
    {QUJD...}                   stderr, likewise; written at once, so nothing is inside it
    <TOKEN:STATUS>              the last bytes

The token is random, so that output cannot imitate a marker. The mode is one of these letters,
and ``i`` follows if the script reads input:

- ``B``: base64, as above.
- ``R``: raw output and errors, on a target without the programs that ``B`` needs.
- ``T``: raw on a terminal, when the user sits at one.

Input is sent as lines of base64, and ended by a line with a full stop.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..datachannel.events import (
    ChannelClosed,
    ChannelFailed,
    CommandExited,
    DataReceived,
    ErrorOutput,
    Event,
)
from ..errors import ConnectorError, RemoteProtocolError, SessionEnded
from .keyboard import Keyboard

if TYPE_CHECKING:
    from .loop import Loop
    from .roles import Input

#: Characters that a word of a command may have, by the service's API model (2022-09-28).
LONGEST_WORD = 255

#: Bytes before the start marker after which the parser gives up.
LONGEST_PREFACE = 64 * 1024

#: Bytes of the longest block of stderr, with room to spare, and of the longest marker.
LONGEST_BLOCK = 4096

#: The line that ends the input.
END_LINE = b".\n"

#: Bytes of input in a line, at most. The script starts a program for each line, so lines are
#: long even when the channel takes little at once; the rest of a line waits.
LINE_SIZE = 24 * 1024

#: ``exec`` in a subshell runs programs only, no builtins. ``dd`` reads what is there and does
#: not wait for more. A block of stderr is one write of less than 1,024 bytes, the buffer of a
#: shell that writes to a terminal. The script does not wait for the reader of the input, which
#: ends with the terminal. That reader closes descriptors by ``exec``, since a shell keeps copies
#: of those that the redirection of a function closes, and ``e`` waits for the last copy of 3.
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

    :param token: a token of letters and digits, see :func:`new_token`.
    :param on_terminal: whether the command keeps the terminal that the agent may give it.
    """
    script = _ON_TERMINAL if on_terminal else _FRAMED
    starts = range(0, len(script), LONGEST_WORD)
    pieces = [script[start : start + LONGEST_WORD] for start in starts]
    joined = "".join(f"${number}" for number in range(1, len(pieces) + 1))
    return ["sh", "-c", f's={joined};shift {len(pieces)};eval "$s"', "sh", *pieces, token, *words]


def new_token() -> str:
    """Return a token of 128 random bits."""
    return os.urandom(16).hex()


class WrappedOutput:
    """Parses what the wrapper prints into the command's output, errors and exit status.

    :param token: the token that :func:`wrap` was given.
    :param on_start: called once, with the mode and the programs that the target lacks.
    :ivar mode: the mode in the start marker; empty before it.
    """

    def __init__(self, token: str, on_start: Callable[[str, list[str]], None]) -> None:
        self.mode = ""
        self._prefix = f"<{token}:".encode()
        self._on_start = on_start
        self._buffer = b""
        self._quads = b""
        self._ended = False

    def translate(self, events: Sequence[Event]) -> Iterator[Event]:
        """Return the events of the command for those of the session."""
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
                    "The target may be stopping: check its state and try again",
                )
            )
        else:
            yield ChannelFailed(_not_wrapped())

    def _flush(self) -> Iterator[Event]:
        """Return what was kept back as the possible start of a marker."""
        held, self._buffer = self._buffer, b""
        if not held or self._ended or self.mode.startswith("B"):
            return
        # Before the start marker, the target says why the script does not run.
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


class WrappedInput(Keyboard):
    """An :class:`Input` that sends its bytes as lines of base64, and its end as a line.

    It reads stdin only once the wrapper has announced that it reads input: until then the
    terminal of the session echoes. A target that takes no input leaves stdin to other programs.
    """

    def __init__(self, loop: Loop, stdin: Input) -> None:
        super().__init__(loop, stdin, b"", lambda _: None)

    def opened(self, *, far_terminal: bool, escapes: bool, port: bool = False) -> None:
        """Do nothing: the wrapper announces when it reads."""

    def ready(self) -> None:
        """Start reading: the wrapper has announced that it reads input."""
        super().opened(far_terminal=True, escapes=False)

    # The methods of an Input.

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._send = on_data
        super().start(lambda data: on_data(binascii.b2a_base64(data)), on_end)

    def set_wanted(self, wanted: int) -> None:
        super().set_wanted(LINE_SIZE if wanted else 0)

    def _stdin_ended(self) -> None:
        self._reads = False
        if self._rest_only:
            self._on_end()
        else:
            self._send(END_LINE)


def _overlap(data: bytes, prefix: bytes) -> int:
    """Return how many of the last bytes may be the beginning of the prefix."""
    for size in range(min(len(data), len(prefix) - 1), 0, -1):
        if data.endswith(prefix[:size]):
            return size
    return 0


def _decoded(quads: bytes) -> bytes:
    """Decode whole blocks, each padded by itself."""
    try:
        parts = _PADDED.findall(quads)
        return b"".join(base64.b64decode(part, validate=True) for part in parts)
    except binascii.Error:
        raise _disturbed() from None


def _disturbed() -> RemoteProtocolError:
    return RemoteProtocolError(
        "something besides the command's output was written to its session",
        "For a program that writes to its terminal, use `connector shell` or ssh",
    )


def _not_wrapped() -> SessionEnded:
    return SessionEnded(
        "the command was not started: the target did not run the script for sh",
        "Use `connector shell` or ssh",
    )

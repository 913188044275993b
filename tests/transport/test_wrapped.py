"""The wrapper of commands: its script in real shells, and the parser of its output."""

from __future__ import annotations

import base64
import contextlib
import os
import pty
import shutil
import subprocess
import threading
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connector.datachannel.events import (
    ChannelClosed,
    ChannelFailed,
    CommandExited,
    DataReceived,
    ErrorOutput,
    Event,
)
from connector.errors import RemoteProtocolError, SessionEnded
from connector.transport.wrapped import (
    LONGEST_BLOCK,
    LONGEST_PREFACE,
    LONGEST_WORD,
    WrappedOutput,
    new_token,
    wrap,
)

TOKEN = "0123456789abcdef" * 2
START = END = f"<{TOKEN}:"


class Parsed:
    """The events that the parser makes of some pieces of output."""

    def __init__(self, pieces: Sequence[bytes], *events: Event, token: str = TOKEN) -> None:
        self.starts: list[tuple[str, list[str]]] = []
        output = WrappedOutput(token, lambda mode, missing: self.starts.append((mode, missing)))
        given_events: list[Event] = [DataReceived(piece) for piece in pieces]
        self.events = list(output.translate([*given_events, *events]))

    @property
    def output(self) -> bytes:
        return b"".join(event.data for event in self.events if isinstance(event, DataReceived))

    @property
    def errors(self) -> bytes:
        return b"".join(event.data for event in self.events if isinstance(event, ErrorOutput))

    @property
    def others(self) -> list[Event]:
        return [e for e in self.events if not isinstance(e, DataReceived | ErrorOutput)]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


PLACES = st.lists(st.integers(0, 10_000))

#: A piece of stdout or of stderr.
WRITES = st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=80)))

#: Output that looks like markers and their parts.
LOOKALIKES = st.lists(
    st.sampled_from([b"<", b">", START[:9].encode(), START[:-1].encode(), b":0>", b"0", b"\n"])
).map(b"".join)


# The parser


@given(WRITES, st.integers(0, 255), PLACES)
def test_framed_output_does_not_depend_on_the_pieces(
    writes: list[tuple[bool, bytes]], status: int, places: list[int]
) -> None:
    text = b"motd\r\n" + f"{START}Bi>".encode()
    for is_error, data in writes:
        block = base64.encodebytes(data).replace(b"\n", b"\r\n")
        text += b"{" + block + b"}" if is_error else block
    text += f"{END}{status}>".encode() + b"what a daemon says"
    parsed = Parsed(cut(text, places))
    assert parsed.output == b"".join(data for is_error, data in writes if not is_error)
    assert parsed.errors == b"".join(data for is_error, data in writes if is_error)
    assert parsed.others == [CommandExited(status)]
    assert parsed.starts == [("Bi", [])]


@given(st.binary() | LOOKALIKES, st.integers(0, 255), PLACES)
def test_raw_output_does_not_depend_on_the_pieces(
    data: bytes, status: int, places: list[int]
) -> None:
    assume(END.encode() not in data)  # 128 random bits
    text = f"{START}R base64 tr>".encode() + data + f"{END}{status}>".encode()
    parsed = Parsed(cut(text, places))
    assert parsed.output == data
    assert parsed.others == [CommandExited(status)]
    assert parsed.starts == [("R", ["base64", "tr"])]


@given(st.binary() | LOOKALIKES)
def test_raw_output_is_kept_back_no_longer_than_a_marker(data: bytes) -> None:
    assume(END.encode() not in data)
    parsed = Parsed([f"{START}T>".encode(), data])
    assert data.startswith(parsed.output)
    assert len(data) - len(parsed.output) < len(END)


@given(st.integers(0, 60))
def test_error_block_inside_output_is_extracted(place: int) -> None:
    block = base64.encodebytes(b"output" * 20)
    inside = b"{" + base64.b64encode(b"error") + b"}"
    text = f"{START}B>".encode() + block[:place] + inside + block[place:]
    parsed = Parsed([text, f"{END}0>".encode()])
    assert (parsed.output, parsed.errors) == (b"output" * 20, b"error")


@given(st.binary(), PLACES)
def test_any_bytes_after_the_start_marker_are_parsed_or_refused(
    data: bytes, places: list[int]
) -> None:
    for event in Parsed([f"{START}B>".encode(), *cut(data, places)]).others:
        assert isinstance(event, ChannelFailed)
        assert isinstance(event.error, RemoteProtocolError)


@pytest.mark.parametrize(
    "text",
    [
        *("Password: ", "<other:0>", "{A}", f"A{END}0>"),
        *(f"{END}256>", f"{END}-1>", f"{END}>"),
        *("{" + "A" * (LONGEST_BLOCK + 1), "<" + "A" * (LONGEST_BLOCK + 1)),
    ],
)
def test_text_between_the_blocks_is_an_error(text: str) -> None:
    (event,) = Parsed([f"{START}B>{text}QUJD\n====".encode()]).others
    assert isinstance(event, ChannelFailed)
    assert isinstance(event.error, RemoteProtocolError)


def test_preface_before_the_start_marker_is_limited() -> None:
    (event,) = Parsed([b"x" * (LONGEST_PREFACE + 1)]).others
    assert isinstance(event, ChannelFailed)
    assert isinstance(event.error, SessionEnded)


def test_close_before_the_start_marker_gives_the_preface_as_errors() -> None:
    parsed = Parsed([b"sh: not found\n"], ChannelClosed(""))
    assert (parsed.output, parsed.errors) == (b"", b"sh: not found\n")
    (event,) = parsed.others
    assert isinstance(event, ChannelFailed)
    assert isinstance(event.error, SessionEnded)


def test_close_without_a_status_is_an_error() -> None:
    parsed = Parsed([f"{START}R>".encode(), b"abc<0"], ChannelClosed(""))
    assert parsed.output == b"abc<0"
    (event,) = parsed.others
    assert isinstance(event, ChannelFailed)


@pytest.mark.parametrize("closed", [ChannelClosed("a reason"), ChannelClosed("", True)])
def test_close_with_a_reason_is_passed_on(closed: ChannelClosed) -> None:
    assert Parsed([f"{START}B>".encode()], closed).others == [closed]


def test_status_of_the_wrapper_outranks_the_agents() -> None:
    text = f"{START}B>{END}137>".encode()
    events = Parsed([text], CommandExited(255), ChannelClosed("")).others
    assert events == [CommandExited(137), ChannelClosed("")]


def test_status_of_the_agent_is_used_if_the_wrapper_has_none() -> None:
    assert Parsed([b""], CommandExited(1), ChannelClosed("")).others == [
        CommandExited(1),
        ChannelClosed(""),
    ]


# The script


SHELLS = pytest.mark.parametrize("shell", [name for name in ("dash", "bash") if shutil.which(name)])


def run_on_terminal(shell: str, words: list[str], data: bytes = b"") -> Parsed:
    """Run words in the wrapper on a terminal, as the agent does."""
    token = new_token()
    master, slave = pty.openpty()
    command = [shell, *wrap(words, token, on_terminal=False)[1:]]
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as process:
        os.close(slave)
        pieces: list[bytes] = []
        writer: threading.Thread | None = None
        with contextlib.suppress(OSError):  # the end of a terminal
            while piece := os.read(master, 1024):
                pieces.append(piece)
                if writer is None and b">" in piece:
                    writer = threading.Thread(target=type_lines, args=(master, data))
                    writer.start()
        if writer:
            writer.join()
        status = process.wait()
    os.close(master)
    parsed = Parsed(pieces, token=token)
    assert parsed.others == [CommandExited(status)]
    return parsed


def type_lines(master: int, data: bytes) -> None:
    lines = [base64.b64encode(data[at : at + 24_000]) for at in range(0, len(data), 24_000)]
    text = b"".join(line + b"\n" for line in [*lines, b"."])
    with contextlib.suppress(OSError):
        while text:
            text = text[os.write(master, text) :]


@SHELLS
def test_script_carries_bytes_both_ways(shell: str) -> None:
    data = os.urandom(150_000) + bytes(range(256)) + b"\n\n"
    parsed = run_on_terminal(shell, ["cat"], data)
    assert (parsed.output, parsed.errors) == (data, b"")
    assert parsed.starts == [("Bi", [])]


@SHELLS
def test_script_keeps_output_and_errors_apart(shell: str) -> None:
    line = "seq 3000 & seq 3000 >&2; wait; exit 7"
    parsed = run_on_terminal(shell, ["sh", "-c", line])
    numbers = "".join(f"{number}\n" for number in range(1, 3001)).encode()
    assert (parsed.output, parsed.errors) == (numbers, numbers)
    assert parsed.others == [CommandExited(7)]


@SHELLS
@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 255"], 255),
        (["sh", "-c", "kill -9 $$"], 137),
        (["sh", "-c", "kill -15 $$"], 143),
        (["no-such-program"], 127),
        (["/"], 126),
    ],
)
def test_script_returns_the_status(shell: str, words: list[str], status: int) -> None:
    assert run_on_terminal(shell, words).others == [CommandExited(status)]


@SHELLS
def test_script_runs_programs_and_no_builtins(shell: str) -> None:
    parsed = run_on_terminal(shell, ["echo", "-n", "a\\nb", "$HOME", "*", "it's"])
    assert parsed.output == b"a\\nb $HOME * it's"


@pytest.mark.parametrize("on_terminal", [False, True])
def test_words_are_as_short_as_the_service_requires(on_terminal: bool) -> None:
    words = wrap(["cat", "file"], TOKEN, on_terminal=on_terminal)
    assert all(1 <= len(word) <= LONGEST_WORD for word in words)
    assert words[-3:] == [TOKEN, "cat", "file"]

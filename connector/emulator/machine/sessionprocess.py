"""The far ends of sessions without SSH: a shell or a command of the agent. POSIX only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ...datachannel.messages import PayloadType
from ..agent.farend import (
    Input,
    InputReceived,
    Opener,
    Owner,
    Resized,
)
from ..agent.plugins import (
    ContainerCommand,
    InteractiveCommand,
    NonInteractiveCommand,
    Plugin,
    Shell,
)
from .processes import (
    CHUNK,
    HANG_UP_TIMEOUT,
    Account,
    Terminal,
    on_terminal,
    read_output,
    signal_groups,
)

#: Variables that the agent sets for all its processes.
TERM = "xterm-256color"
LANG = "C.UTF-8"

#: Seconds between SIGHUP and SIGKILL when the emulator stops. A shell needs them to pass SIGHUP on
#: to its jobs.
ABORT_TIMEOUT = 0.2

#: Bytes of unread input at which the client's link is no longer read.
INPUT_HIGH_WATER = 64 * 1024


@dataclass
class _Source:
    """A file with output.

    :ivar outlived: other processes may keep the file open, so it ends with the process, after
        everything in it is read.
    :ivar polled: the event loop can wait for the file.
    """

    number: int
    payload_type: int
    outlived: bool
    polled: bool = True
    ended: bool = False


def process_opener(plugin: Plugin, home: Path) -> Opener:
    """Return the opener of the process that a plugin runs. Its user is this process's user.

    :param home: the process's working directory and ``HOME``.
    """
    account = Account.current(home)
    environment = {**account.environment, "TERM": TERM, "LANG": LANG}

    def open_process(owner: Owner) -> Awaitable[None]:
        if isinstance(plugin, NonInteractiveCommand):
            open_command = _open_with_pipes if plugin.separate else _open_with_file
            return open_command(owner, list(plugin.arguments), environment, home)
        if isinstance(plugin, ContainerCommand):
            return _open_in_container(owner, plugin, environment, home)
        # The real agent's default is a plain `sh`. Which shell a service configures is not known.
        # Ours is the login shell, as with ssh.
        assert isinstance(plugin, Shell | InteractiveCommand)
        arguments = account.login if isinstance(plugin, Shell) else ["/bin/sh", "-c", plugin.line]
        return _open_on_terminal(owner, arguments, environment, home)

    return open_process


async def _open_on_terminal(
    owner: Owner, arguments: list[str], environment: dict[str, str], home: Path
) -> None:
    terminal = Terminal(TERM, b"")
    os.set_blocking(terminal.master, False)
    source = _Source(terminal.master, PayloadType.OUTPUT, outlived=True)
    process = _Process(owner, [source], terminal)
    null = subprocess.DEVNULL
    await process.start(on_terminal(terminal, arguments), environment, home, null, null)


async def _open_in_container(
    owner: Owner, plugin: ContainerCommand, environment: dict[str, str], home: Path
) -> None:
    arguments, path = plugin.arguments, plugin.path or environment["PATH"]
    if shutil.which(arguments[0], path=path) is None:
        raise OSError(_reason(arguments[0], path, FileNotFoundError(2, os.strerror(2))))
    await _open_on_terminal(owner, arguments, {**environment, "PATH": path}, home)


async def _open_with_pipes(
    owner: Owner, arguments: list[str], environment: dict[str, str], home: Path
) -> None:
    sources, ends = [], []
    for payload_type in (PayloadType.OUTPUT, PayloadType.STDERR):
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        sources.append(_Source(reading, payload_type, outlived=False))
        ends.append(writing)
    try:
        await _Process(owner, sources).start(arguments, environment, home, *ends)
    finally:
        for end in ends:
            os.close(end)


async def _open_with_file(
    owner: Owner, arguments: list[str], environment: dict[str, str], home: Path
) -> None:
    with tempfile.NamedTemporaryFile() as file:
        source = _Source(
            os.open(file.name, os.O_RDONLY), PayloadType.OUTPUT, outlived=True, polled=False
        )
        writing = os.dup(file.fileno())
    try:
        await _Process(owner, [source]).start(arguments, environment, home, writing, writing)
    finally:
        os.close(writing)


class _Process(asyncio.SubprocessProtocol):
    """A process that leads its own process session. It is a ``FarEnd``."""

    def __init__(
        self, owner: Owner, sources: list[_Source], terminal: Terminal | None = None
    ) -> None:
        self.lost = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._owner = owner
        self._sources = sources
        self._terminal = terminal
        self._transport: asyncio.SubprocessTransport | None = None
        self._exit_status: int | None = None
        self._reading = False
        self._reading_rest: asyncio.Handle | None = None
        self._input = bytearray()
        self._input_full = False
        self._released = False
        #: The process groups that got SIGHUP.
        self._groups: set[int] = set()
        self._killing: asyncio.TimerHandle | None = None

    async def start(
        self,
        arguments: list[str],
        environment: dict[str, str],
        home: Path,
        output: int,
        errors: int,
    ) -> None:
        """Start the process and tell the owner.

        :raises OSError: if that fails, with the real agent's words.
        """
        try:
            await self._loop.subprocess_exec(
                lambda: self,
                *arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=home,
                env=environment,
                start_new_session=True,
            )
        except BaseException as error:
            self._release()
            if isinstance(error, OSError):
                raise OSError(_reason(arguments[0], environment["PATH"], error)) from None
            raise
        self._owner.opened(self)

    # Calls of the owner

    def take(self, event: Input) -> None:
        if self._released:
            return
        if isinstance(event, InputReceived):
            self._input += event.data
            self._write()
        elif isinstance(event, Resized):
            if self._terminal is not None:
                self._terminal.resize(event.columns, event.rows)
        elif self._transport is not None:
            with contextlib.suppress(ProcessLookupError):
                self._transport.send_signal(event.number)

    def set_reading(self, reading: bool) -> None:
        if reading == self._reading or self._released:
            return
        self._reading = reading
        for source in self._sources:
            if source.polled and not source.ended:
                if reading:
                    self._loop.add_reader(source.number, self._read, source)
                else:
                    self._loop.remove_reader(source.number)
        self._read_rest_soon()

    def close(self) -> None:
        """Send SIGHUP, and a second later SIGKILL, to its group and the foreground group.

        The real agent kills its process and closes the terminal, which sends SIGHUP to the
        others.
        """
        if self._released:
            return
        if self._exit_status is None and self._transport is not None:
            self._groups.add(self._transport.get_pid())
            if self._terminal is not None:
                with contextlib.suppress(OSError):  # no group is in the foreground
                    self._groups.add(os.tcgetpgrp(self._terminal.master))
            self._groups.discard(0)
            signal_groups(self._groups, signal.SIGHUP)
            self._killing = self._loop.call_later(HANG_UP_TIMEOUT, self._kill)
        self._release()

    def abort(self) -> None:
        self.close()
        if self._killing is not None:
            self._killing.cancel()
            self._killing = self._loop.call_later(ABORT_TIMEOUT, self._kill)

    # The process

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def process_exited(self) -> None:
        assert self._transport is not None
        status = self._transport.get_returncode()
        assert status is not None
        self._exit_status = status if status >= 0 else -1
        self._transport.close()
        if self._killing is not None and not any(map(_is_alive, self._groups)):
            self._kill()
        self._check_lost()
        self._read_rest_soon()
        self._check_ended()

    def _kill(self) -> None:
        if self._killing is not None:
            self._killing.cancel()
            self._killing = None
        signal_groups(self._groups, signal.SIGKILL)
        self._check_lost()

    def _check_lost(self) -> None:
        if self._released and self._exit_status is not None and self._killing is None:
            self.lost.set()

    # Output

    def _read(self, source: _Source) -> None:
        room = self._owner.capacity()
        if room <= 0:
            return
        data = read_output(source.number, min(room, CHUNK))
        if data:
            self._owner.received(data, source.payload_type)
        elif data is not None or (source.outlived and self._exit_status is not None):
            if source.polled:
                self._loop.remove_reader(source.number)
            source.ended = True
            self._check_ended()

    def _read_rest_soon(self) -> None:
        """Read on after the end of the process: the event loop may not announce what is left."""
        if self._reading_rest is None and self._reading and self._exit_status is not None:
            self._reading_rest = self._loop.call_soon(self._read_rest)

    def _read_rest(self) -> None:
        self._reading_rest = None
        left = [source for source in self._sources if source.outlived and not source.ended]
        for source in left:
            if self._reading and not self._released:
                self._read(source)
        if left:
            self._read_rest_soon()

    def _check_ended(self) -> None:
        if self._released or self._exit_status is None:
            return
        if all(source.ended for source in self._sources):
            self._release()
            self._owner.closed(self._exit_status)

    # Input

    def _write(self) -> None:
        assert self._terminal is not None
        try:
            written = os.write(self._terminal.master, self._input)
        except BlockingIOError:
            written = 0
        except OSError:  # no process reads the terminal any more
            written = len(self._input)
        del self._input[:written]
        if self._input:
            self._loop.add_writer(self._terminal.master, self._write)
        else:
            self._loop.remove_writer(self._terminal.master)
        full = len(self._input) > (0 if self._input_full else INPUT_HIGH_WATER)
        if full != self._input_full:
            self._input_full = full
            self._owner.full(full)

    def _release(self) -> None:
        """Close the files. Closing a terminal sends SIGHUP to its processes."""
        self._released = True
        self._reading = False
        if self._input_full:  # or the agent would read no acks of the last output
            self._input_full = False
            self._owner.full(False)
        for source in self._sources:
            if source.polled and not source.ended:
                self._loop.remove_reader(source.number)
            if self._terminal is None:
                os.close(source.number)
        if self._terminal is not None:
            self._loop.remove_writer(self._terminal.master)
            self._terminal.close()
        self._check_lost()


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _reason(program: str, path: str, error: OSError) -> str:
    if "/" not in program and shutil.which(program, path=path) is None:
        return f'exec: "{program}": executable file not found in $PATH'
    return f"fork/exec {program}: {(error.strerror or str(error)).lower()}"

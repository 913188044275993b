"""The shell or command of one SSH session channel, with pipes or a terminal."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import paramiko

from .processes import (
    CHUNK,
    HANG_UP_TIMEOUT,
    Account,
    Terminal,
    on_terminal,
    read_output,
    signal_groups,
)

_logger = logging.getLogger(__name__)

#: A shell's exit status for a command that it cannot start.
CANNOT_START = 127

_HANG_UP = b"h"
_EXITED = b"x"
_MSG_CHANNEL_REQUEST = b"\x62"  # RFC 4254, section 9
_END_OF_FILE = b"\x04"  # Ctrl-D


class ChannelProcess(threading.Thread):
    """Run a process in its own process session until its output has ended.

    Like sshd it sends output at once and then the exit status or signal: with pipes after all
    writers have closed them, with a terminal after the end of the process.

    :param command: a line for the user's shell; ``None`` starts a login shell.
    :param environment: variables that the client has set.
    """

    def __init__(
        self,
        channel: paramiko.Channel,
        command: str | None,
        home: Path,
        environment: Mapping[str, str],
        terminal: Terminal | None,
    ) -> None:
        super().__init__(name="ssh process", daemon=True)
        self._channel = channel
        self._home = home
        self._terminal = terminal
        account = Account.current(home)
        self._arguments = account.login if command is None else [account.shell, "-c", command]
        self._environment = {
            **account.environment,
            **({} if terminal is None else {"TERM": terminal.term, "SSH_TTY": terminal.slave_name}),
            **environment,
        }
        self._hung_up = False
        # A pipe that wakes the thread of the output; _lock guards _ring.
        self._bell, self._ring = os.pipe()
        self._lock = threading.Lock()

    def hang_up(self) -> None:
        """End the process and its session, because the client has left. Harmless after its end."""
        self._hung_up = True
        self._notify(_HANG_UP)

    def run(self) -> None:
        try:
            process = self._spawn()
        except OSError as error:
            text = f"{error}\n".encode()
            self._try_send(lambda: self._channel.sendall_stderr(text))
            self._end_channel(CANNOT_START)
        else:
            self._attend(process)
        finally:
            if self._terminal is not None:
                self._terminal.close()
            with self._lock:
                os.close(self._ring)
                self._ring = -1
            os.close(self._bell)

    def _notify(self, what: bytes) -> None:
        with self._lock:
            if self._ring >= 0:
                os.write(self._ring, what)

    def _spawn(self) -> subprocess.Popen[bytes]:
        channels, arguments = subprocess.PIPE, self._arguments
        if self._terminal is not None:
            channels = subprocess.DEVNULL
            arguments = on_terminal(self._terminal, arguments)
        return subprocess.Popen(
            arguments,
            bufsize=0,
            stdin=channels,
            stdout=channels,
            stderr=channels,
            cwd=self._home,
            env=self._environment,
            start_new_session=True,
        )

    def _attend(self, process: subprocess.Popen[bytes]) -> None:
        feeder = _start_thread(self._feed, process)
        waiter = _start_thread(self._wait, process)
        try:
            self._carry_output(process)
        except (OSError, EOFError) as error:  # the channel is closed
            _logger.debug("a client has closed its channel: %r", error)
            self._hung_up = True
        if self._hung_up:
            self._channel.close()
            self._end_process(process, waiter)
        waiter.join()
        self._end_channel(process.returncode)
        feeder.join(HANG_UP_TIMEOUT)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._notify(_EXITED)

    def _end_process(self, process: subprocess.Popen[bytes], waiter: threading.Thread) -> None:
        for number in (signal.SIGHUP, signal.SIGKILL):
            # The group of the leader only: a shell passes SIGHUP on to its jobs.
            signal_groups([process.pid], number)
            waiter.join(HANG_UP_TIMEOUT)
            if not waiter.is_alive():
                return

    # Output

    def _carry_output(self, process: subprocess.Popen[bytes]) -> None:
        send: dict[int, Callable[[bytes], None]] = {}
        if self._terminal is not None:
            send[self._terminal.master] = self._channel.sendall
        if process.stdout is not None and process.stderr is not None:
            send[process.stdout.fileno()] = self._channel.sendall
            send[process.stderr.fileno()] = self._channel.sendall_stderr
        exited = False
        with selectors.DefaultSelector() as selector:
            for number in (self._bell, *send):
                selector.register(number, selectors.EVENT_READ)
            while not exited or (self._terminal is None and len(selector.get_map()) > 1):
                for key, _ in selector.select():
                    if key.fd == self._bell:
                        if os.read(self._bell, 1) == _HANG_UP:
                            return
                        exited = True
                    elif data := read_output(key.fd):
                        send[key.fd](data)
                    else:
                        selector.unregister(key.fd)
        if self._terminal is not None:
            # Read the rest. Other processes may have the terminal open, so an end of file may
            # never come.
            os.set_blocking(self._terminal.master, False)
            while data := read_output(self._terminal.master):
                self._channel.sendall(data)

    def _end_channel(self, status: int) -> None:
        if status >= 0:
            self._try_send(lambda: self._channel.send_exit_status(status))
        else:
            self._try_send(lambda: self._send_exit_signal(signal.Signals(-status)))
        self._try_send(self._channel.close)

    def _send_exit_signal(self, number: signal.Signals) -> None:
        """Send exit-signal (RFC 4254, section 6.10), which paramiko lacks."""
        message = paramiko.Message()
        message.add_byte(_MSG_CHANNEL_REQUEST)
        message.add_int(self._channel.remote_chanid)
        message.add_string("exit-signal")
        message.add_boolean(False)  # no reply
        message.add_string(number.name.removeprefix("SIG"))
        message.add_boolean(False)  # no core
        message.add_string("")
        message.add_string("")
        transport = self._channel.get_transport()
        transport._send_user_message(message)  # type: ignore[attr-defined]

    def _try_send(self, send: Callable[[], object]) -> None:
        try:
            send()
        except (OSError, EOFError) as error:
            _logger.debug("a client has left before the end: %r", error)

    # Input

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        if self._terminal is not None:
            self._feed_file(self._terminal.master)
            if not self._channel.closed:
                _write(self._terminal.master, _END_OF_FILE)
        elif process.stdin is not None:
            with process.stdin:
                self._feed_file(process.stdin.fileno())

    def _feed_file(self, number: int) -> None:
        taking = True
        try:
            while data := self._channel.recv(CHUNK):
                # Read on even if the process does not: otherwise the client would block.
                taking = taking and _write(number, data)
        except (OSError, EOFError) as error:  # paramiko could not enlarge the window
            _logger.debug("a client has left during its input: %r", error)


def _start_thread(
    target: Callable[[subprocess.Popen[bytes]], None], process: subprocess.Popen[bytes]
) -> threading.Thread:
    thread = threading.Thread(target=target, args=(process,), daemon=True)
    thread.start()
    return thread


def _write(number: int, data: bytes) -> bool:
    """Write all bytes. Return ``False`` if no process reads any more."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(number, rest) :]
    except OSError:
        return False
    return True

"""``python -m manual.transcripts``: print the transcripts of the docs, from real programs.

The commands run in an empty home, on a terminal of 100 columns, with real OpenSSH and rsync and
``connector emulator``. This needs nss_wrapper (Debian: libnss-wrapper), because ssh asks the user
database for its home. The paths of this machine are shown as those of the user ada.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from .account import account_environ

ENVIRONMENTS = ("Shop/api:stopped:14", "Load-Test:stopped", "demo")

#: Each command, and the answer to its question.
COMMANDS = (
    ("connector list", b""),
    ("connector config-ssh", b"y\n"),
    ("ssh api.codecatalyst uname -s", b""),
    ("rsync -av site api.codecatalyst:", b""),
    ("rsync -av api.codecatalyst:site/ back", b""),
    ('connector exec api -- sh -c "ls site; exit 3"; echo $?', b""),
    ("connector stop --wait api", b"y\n"),
    ("connector doctor demo", b""),
    ("AWS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt connector doctor demo", b""),
)

#: Where this very connector is installed.
PROGRAMS = Path(sys.executable).parent

#: The end of a question.
QUESTION = b"[y/N] "

#: Bytes of the file that rsync copies, the size of a small site.
_SAMPLE = 588_000

_SIZE = struct.pack("HHHH", 50, 100, 0, 0)
#: The first character of a spinner's line.
_SPINNER = re.compile("[\N{BRAILLE PATTERN DOTS-1}-\N{BRAILLE PATTERN DOTS-12345678}]")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="connector-transcripts-") as name:
        directory = Path(name)
        home, remote = directory / "home", directory / "remote"
        home.mkdir()
        remote.mkdir()
        account = account_environ(home)
        if account is None:
            print("nss_wrapper is not installed: apt-get install libnss-wrapper", file=sys.stderr)
            return 1
        environ = terminal_environ(account)
        site = home / "site"
        site.mkdir()
        (site / "index.html").write_text("<title>Site</title>\n")
        (site / "data.txt").write_bytes(b"0123456789abcdef" * (_SAMPLE // 16))
        with Emulator(directory / "exports", {**environ, "HOME": str(remote)}):
            for command, answer in COMMANDS:
                script = f". {directory}/exports; {command}"
                text = run(["/bin/sh", "-c", script], home, environ, answer)
                show(command, text, {str(home): "/home/ada", str(PROGRAMS): "/home/ada/.local/bin"})
    return 0


def terminal_environ(account: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a terminal whose PATH has this very connector.

    :param account: what :func:`~.account.account_environ` returns.
    """
    path = f"{PROGRAMS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**account, "PATH": path, "TERM": "xterm", "SHELL": "/bin/sh"}


class Emulator:
    """``connector emulator`` with :data:`ENVIRONMENTS`: ``with``.

    :param exports: gets the lines that a shell evaluates to use the emulator.
    """

    def __init__(self, exports: Path, environ: Mapping[str, str]) -> None:
        words = [word for each in ENVIRONMENTS for word in ("--environment", each)]
        with exports.open("wb") as stdout:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "connector", "emulator", *words],
                env=environ,
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
            )

    def __enter__(self) -> Emulator:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if line.startswith("Ctrl-C"):
                return self
        raise RuntimeError("the emulator did not start")

    def __exit__(self, *details: object) -> None:
        self._process.terminate()
        self._process.communicate()


def run(words: Sequence[str], directory: Path, environ: Mapping[str, str], answer: bytes) -> str:
    """Run a program on a terminal, and return its output."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, _SIZE)
    process = subprocess.Popen(
        words,
        cwd=directory,
        env=environ,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    printed = bytearray()
    while data := _read(master):
        printed += data
        if answer and printed.endswith(QUESTION):
            os.write(master, answer)
            answer = b""
    os.close(master)
    process.wait()
    return printed.decode(errors="replace")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the program has closed the terminal
        return b""


def show(command: str, printed: str, names: Mapping[str, str]) -> None:
    """Print a command and its output as a block of Markdown.

    :param names: text of this machine -> its replacement.
    """
    print(f"    $ {command}")
    for raw in printed.rstrip().split("\n"):
        line = _ESCAPES.sub("", last_state(raw)).rstrip()
        if _SPINNER.match(line):
            continue
        for ours, shown in names.items():
            line = line.replace(ours, shown)
        print(f"    {line}".rstrip())
    print()


def last_state(line: str) -> str:
    """Return the last state of a line that carriage returns have overwritten."""
    parts = [part for part in line.split("\r") if _ESCAPES.sub("", part)]
    return parts[-1] if parts else ""


if __name__ == "__main__":
    sys.exit(main())

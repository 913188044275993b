"""Interactive shells on terminals of the test's own, whose TAB key is pressed."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path
from types import TracebackType

from ..endtoend.sshd import program
from ..endtoend.waiting import PATIENCE, Reader, eventually

#: What a shell has to do first; the last line has it write what was typed into $REPORT.
_SET_UP = {
    "bash": """\
PS1='> '
eval "$(connector completion bash)"
bind -x '"\\C-xr": printf "%s" "$READLINE_LINE" >"$REPORT.new"; mv "$REPORT.new" "$REPORT"'
""",
    "zsh": """\
PS1='> '
autoload -Uz compinit && compinit -u -d "$DUMP"
eval "$(connector completion zsh)"
report() { printf %s "$BUFFER" >"$REPORT.new"; mv "$REPORT.new" "$REPORT" }
zle -N report && bindkey '^Xr' report
""",
}
_ARGUMENTS = {"bash": ("--norc", "--noprofile", "-i"), "zsh": ("-f", "-i")}


class Shell:
    """bash or zsh, of a user that has installed the completion.

    :param directory: for its files; ``environ`` has the connector on its PATH.
    """

    def __init__(self, name: str, directory: Path, environ: dict[str, str]) -> None:
        self._report = directory / "report"
        set_up = directory / f"set-up.{name}"
        set_up.write_text(_SET_UP[name] + "echo 'completion is''installed'\n")
        self._master, slave = pty.openpty()
        self.reader = Reader(self._master)
        self._process = subprocess.Popen(
            [program(name), *_ARGUMENTS[name]],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={
                **environ,
                "REPORT": str(self._report),
                "DUMP": str(directory.parent / "zcompdump"),  # all shells of a run share it
                "TERM": "xterm",
            },
            start_new_session=True,
        )
        os.close(slave)
        self._type(f". {set_up}\r")
        self.reader.until(b"completion isinstalled")

    def __enter__(self) -> Shell:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        os.close(self._master)

    def completed(self, typed: str, tabs: int = 1) -> str:
        """What the line is after something was typed and TAB pressed."""
        self._type("\x15" + typed + tabs * "\t" + "\x18r")
        line = eventually(lambda: self._report.exists() and (self._report.read_text() or " "))
        self._report.unlink()
        return str(line)

    def _type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

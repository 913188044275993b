"""``python -m manual.picture``: draw the README's terminal session as SVG, light and dark.

The commands run for real, as those of :mod:`.transcripts` do; rich draws what they print.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, DIMMED_MONOKAI, TerminalTheme
from rich.text import Text

from .account import account_environ
from .transcripts import Emulator, last_state, run, terminal_environ

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"

COMMANDS = (
    "connector list",
    "ssh api.codecatalyst uname -s",
    "scp -q notes.txt api.codecatalyst: && ssh api.codecatalyst ls",
)

THEMES: dict[str, TerminalTheme] = {
    "light": DEFAULT_TERMINAL_THEME,
    "dark": DIMMED_MONOKAI,
}

#: Columns of the terminal: the longest line of the session has some 80.
_WIDTH = 88

#: rich names a font on a server elsewhere; a picture of ours loads nothing.
_FORMAT = re.sub(r"\s*@font-face \{\{.*?\}\}\n", "\n", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def draw(lines: Iterable[str], theme: TerminalTheme, title: str) -> str:
    """Return lines of a terminal, with their ANSI colours, as SVG."""
    console = Console(record=True, width=_WIDTH, file=StringIO(), force_terminal=True)
    for line in lines:
        console.print(Text.from_ansi(line, overflow="fold"))
    return console.export_svg(title=title, theme=theme, code_format=_FORMAT, unique_id="session")


def shown(printed: str) -> list[str]:
    """Return what stays on the screen, line by line."""
    return [last_state(line).replace("\x1b[K", "") for line in printed.rstrip().split("\n")]


def session() -> list[str] | None:
    """Run the commands against the emulator; return the screen, or None without nss_wrapper."""
    with tempfile.TemporaryDirectory(prefix="connector-picture-") as name:
        directory = Path(name)
        home, remote = directory / "home", directory / "remote"
        home.mkdir()
        remote.mkdir()
        (home / "notes.txt").write_text("Hello\n")
        account = account_environ(home)
        if account is None:
            return None
        environ = terminal_environ(account)
        exports = directory / "exports"
        lines: list[str] = []
        with Emulator(exports, {**environ, "HOME": str(remote)}):
            run(["/bin/sh", "-c", f". {exports}; connector config-ssh --yes"], home, environ, b"")
            for command in COMMANDS:
                lines.append(f"\x1b[32m$\x1b[0m {command}")
                script = f". {exports}; {command}"
                lines += shown(run(["/bin/sh", "-c", script], home, environ, b""))
        return lines


def main() -> int:
    lines = session()
    if lines is None:
        print("nss_wrapper is not installed: apt-get install libnss-wrapper", file=sys.stderr)
        return 1
    for name, theme in THEMES.items():
        path = PICTURES / f"session-{name}.svg"
        path.write_text(draw(lines, theme, "devenv-connector"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

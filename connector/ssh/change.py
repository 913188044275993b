"""Files of the SSH configuration before and after a change: read, compared, replaced."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from ..files import FileProblem, read_bytes, reason, replace_file


@dataclass(frozen=True)
class Change:
    """What becomes of one file; ``None`` stands for no file."""

    path: Path
    before: bytes | None
    after: bytes | None

    @property
    def is_one(self) -> bool:
        return self.before != self.after

    def diff(self) -> Iterator[str]:
        """The lines of a unified diff, without newlines."""
        yield from difflib.unified_diff(
            _shown_lines(self.before),
            _shown_lines(self.after),
            str(self.path) if self.before is not None else os.devnull,
            str(self.path) if self.after is not None else os.devnull,
            lineterm="",
        )

    def make(self) -> None:
        """Replace the file as a whole, or delete it. A symbolic link stays one.

        :raises ConfigError: when it is not what it was before, or cannot be written; it is
            then as it was.
        """
        if read_config(self.path) != self.before:
            raise ConfigError(
                f"{self.path} has been changed meanwhile, and is left as it is", "Run it again"
            )
        try:
            if self.after is None:
                self.path.unlink()
                return
            # As ssh wants it: Include refuses what others than the owner may write to.
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            target = Path(os.path.realpath(self.path))
            replace_file(target, self.after, target.stat() if self.before is not None else None)
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be written ({reason(error)}), and is left as it is"
            ) from None


def read_config(path: Path) -> bytes | None:
    """What ssh reads there; ``None`` when there is nothing.

    :raises ConfigError: when it is not a text file that can be read and replaced.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise FileProblem("is not a regular file")
        content = read_bytes(path)
    except FileNotFoundError:
        if path.is_symlink():
            raise ConfigError(
                f"{path} is a symbolic link to {os.readlink(path)}, which is not there",
                "Remove the link, or bring back what it points to",
            ) from None
        return None
    except (OSError, FileProblem) as problem:
        text = (
            problem if isinstance(problem, FileProblem) else f"cannot be read ({reason(problem)})"
        )
        raise ConfigError(f"{path} {text}, and is left as it is") from None
    if b"\0" in content:
        raise ConfigError(
            f"{path} holds NUL bytes, and is left as it is",
            "ssh does not read UTF-16: save it as UTF-8 without a byte order mark",
        )
    return content


def _shown_lines(content: bytes | None) -> list[str]:
    lines = (content or b"").decode("utf-8", "replace").split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.rstrip("\r") for line in lines]

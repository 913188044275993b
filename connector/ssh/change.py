"""Changes to files of the SSH configuration: reading, comparing and replacing them."""

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
    """The content of one file before and after a change; ``None`` stands for no file."""

    path: Path
    before: bytes | None
    after: bytes | None

    @property
    def differs(self) -> bool:
        """Whether the change makes a difference."""
        return self.before != self.after

    def diff(self) -> Iterator[str]:
        """Yield the lines of a unified diff, without newlines."""
        yield from difflib.unified_diff(
            _shown_lines(self.before),
            _shown_lines(self.after),
            str(self.path) if self.before is not None else os.devnull,
            str(self.path) if self.after is not None else os.devnull,
            lineterm="",
        )

    def make(self) -> None:
        """Replace or delete the file in one step. A symbolic link stays a symbolic link.

        :raises ConfigError: when the file changed since it was read, or cannot be written. In
            both cases its content stays as it is.
        """
        if read_config(self.path) != self.before:
            raise ConfigError(
                f"{self.path} was changed by another program, and is left as it is",
                "Run the command again",
            )
        try:
            if self.after is None:
                self.path.unlink()
                return
            # ssh refuses an included file that other users may write to.
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            target = Path(os.path.realpath(self.path))
            replace_file(target, self.after, target.stat() if self.before is not None else None)
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be written ({reason(error)}), and is left as it is"
            ) from None


def read_config(path: Path) -> bytes | None:
    """Return the content of a configuration file, or ``None`` when there is no file.

    :raises ConfigError: when it is not a text file, or cannot be read or replaced.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise FileProblem("is not a regular file")
        content = read_bytes(path)
    except FileNotFoundError:
        if path.is_symlink():
            raise ConfigError(
                f"{path} is a symbolic link to {os.readlink(path)}, which does not exist",
                "Remove the link, or restore the file that it points to",
            ) from None
        return None
    except (OSError, FileProblem) as problem:
        text = (
            problem if isinstance(problem, FileProblem) else f"cannot be read ({reason(problem)})"
        )
        raise ConfigError(f"{path} {text}, and is left as it is") from None
    if b"\0" in content:
        raise ConfigError(
            f"{path} contains NUL bytes, and is left as it is",
            "Save it as UTF-8 without a byte order mark: ssh cannot read UTF-16",
        )
    return content


def _shown_lines(content: bytes | None) -> list[str]:
    lines = (content or b"").decode("utf-8", "replace").split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.rstrip("\r") for line in lines]

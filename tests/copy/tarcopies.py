"""Copies by tar for tests, between two directories, with the programs of an image as the target."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable
from pathlib import Path

from connector.copy.names import wish_of
from connector.copy.tarcopy import TarCopy

#: All bytes, and more than one piece of everything.
BINARY = random.Random(7).randbytes(700_001) + bytes(range(256))

#: Names that a shell, tar or a list of words could misread.
ODD = ["a b", "-n", "$HOME", "it's", "new\nline", 'quo"te', "*", "back\\slash", "täst"]


class Ends:
    """The two ends of copies, and a copy with ``app`` as the target.

    :ivar before: words that stand before the command of the target.
    :ivar left_at_end: what was there when the copy began to ignore interrupts.
    """

    def __init__(self, directory: Path, programs: Path) -> None:
        self.near, self.far = directory / "near", directory / "far"
        self.near.mkdir()
        self.far.mkdir()
        self.programs = programs
        self.before: list[str] = []
        self.reports: list[str] = []
        self.left_at_end: list[Path] = []

    def copy(self, *words: str, recursive: bool = False, preserve: bool = False) -> TarCopy:
        """Copy, and return the copy after its end. A path of this end is relative to it."""
        env = ["/usr/bin/env", "-i", "-C", str(self.far), f"PATH={self.programs}"]
        copy = TarCopy(
            wish_of(list(words)),
            [*self.before, *env],
            recursive=recursive,
            preserve=preserve,
            report=self.reports.append,
            before_end=lambda: self.left_at_end.extend(self.leftovers()),
        )
        here = os.getcwd()
        os.chdir(self.near)
        try:
            copy.run(lambda _: None)
        finally:
            os.chdir(here)
        return copy

    def leftovers(self) -> list[Path]:
        """Return what no copy should leave behind."""
        return [each for end in (self.near, self.far) for each in end.rglob(".connector-*")]


#: Words that run a program for which modes of files count: for root, too.
UNPRIVILEGED = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def tree(directory: Path) -> dict[str, bytes | None]:
    """Return the content of all files below a directory; None for directories."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in directory.rglob("*")
    }


def make_tree(directory: Path) -> None:
    for number, name in enumerate(ODD):
        below = directory / "deep" / name
        below.mkdir(parents=True)
        (below / name).write_bytes(BINARY[: number * 1000])
    (directory / "empty").mkdir()
    (directory / "large").write_bytes(BINARY)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def script(directory: Path, text: str) -> Callable[..., TarCopy]:
    """Return a copy whose target runs a script of the test in place of ours."""
    (directory / "near").mkdir()
    program = directory / "program"
    program.write_text(f"#!/bin/sh\nshift 4\n{text}")
    program.chmod(0o755)

    def copy(*words: str, preserve: bool = False) -> TarCopy:
        made = TarCopy(
            wish_of(list(words)),
            [str(program)],
            recursive=True,
            preserve=preserve,
            report=lambda _: None,
            before_end=lambda: None,
        )
        made.run(lambda _: None)
        return made

    return copy

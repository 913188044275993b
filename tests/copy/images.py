"""Images of containers for tests: the programs that a target has, as a directory of links."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

#: What a small image of a distribution has, as far as a copy and ``exec`` use it.
SLIM = (
    *("sh", "base64", "cat", "chmod", "cksum", "dd", "echo", "env", "head", "kill", "ls", "mkdir"),
    *("mv", "printf", "readlink", "rm", "sha256sum", "sleep", "stat", "stty", "tar", "tee"),
    *("touch", "tr", "true", "uname", "wc"),
)

#: The path of busybox, where this machine has it.
BUSYBOX = shutil.which("busybox")


def image(directory: Path, programs: Sequence[str] = SLIM, without: Sequence[str] = ()) -> Path:
    """Make a directory of programs, which is the PATH of an image."""
    directory.mkdir(parents=True)
    for name in programs:
        found = shutil.which(name)
        if found is not None and name not in without:
            (directory / name).symlink_to(os.path.realpath(found))
    return directory


def busybox_image(directory: Path, without: Sequence[str] = ()) -> Path:
    """Make an image that has busybox alone."""
    assert BUSYBOX is not None
    directory.mkdir(parents=True)
    for name in SLIM:
        if name not in without:
            (directory / name).symlink_to(BUSYBOX)
    return directory

"""Lines for the user, on a terminal that somebody may have made raw."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tty

import pytest

SAY = "from connector.cli.boundary import say; say('one', 'two\\n\\x1b[31m')"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (False, b"connector: one\r\nconnector: two  [31m\r\n"),
        (True, b"\r\nconnector: one\r\nconnector: two  [31m\r\n"),
    ],
)
def test_lines_begin_at_the_left(raw: bool, expected: bytes) -> None:
    master, slave = pty.openpty()
    try:
        if raw:
            tty.setraw(slave)
        subprocess.run([sys.executable, "-c", SAY], stderr=slave, check=True)
        assert os.read(master, 1000) == expected
    finally:
        os.close(master)
        os.close(slave)

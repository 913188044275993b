"""The log file: for its owner alone, and never waited for."""

from __future__ import annotations

import logging
import os
import stat
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.cli.boundary import say, set_up_logging
from connector.errors import ConfigError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no modes")


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Leaves the logger as it was."""
    logger = logging.getLogger("connector")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    for handler in logger.handlers:
        if type(handler) is logging.StreamHandler:  # pytest has others of its own
            handler.stream.close()
    logger.handlers, logger.level, logger.propagate = before


def log_to(path: Path) -> None:
    set_up_logging(Namespace(log_file=str(path), verbose=0))
    logging.getLogger("connector").info("here")


@pytest.mark.parametrize("umask", [0o000, 0o022])
@pytest.mark.parametrize("before", [None, 0o666, 0o640, 0o600])
def test_it_is_private_whatever_it_was(tmp_path: Path, umask: int, before: int | None) -> None:
    path = tmp_path / "log"
    if before is not None:
        path.write_text("old\n")
        path.chmod(before)
    mask = os.umask(umask)
    try:
        log_to(path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("" if before is None else "old\n")
    assert path.read_text().endswith(": here\n")


def test_what_a_link_leads_to_is_made_private(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.touch(0o644)
    (tmp_path / "log").symlink_to(target)
    log_to(tmp_path / "log")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "here" in target.read_text()


def test_a_device_stays_as_it_is() -> None:
    before = os.stat(os.devnull).st_mode
    log_to(Path(os.devnull))
    assert os.stat(os.devnull).st_mode == before


@pytest.mark.parametrize("read", [False, True])
def test_a_pipe_is_refused_whether_somebody_reads_it_or_not(tmp_path: Path, read: bool) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if read else None
    try:
        with pytest.raises(ConfigError, match="is a pipe" if read else "cannot be opened"):
            log_to(path)
    finally:
        if reader is not None:
            os.close(reader)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be opened: Is a directory"):
        log_to(tmp_path)


def test_what_is_said_stands_in_it_for_ssh_may_hide_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log_to(tmp_path / "log")
    say("it broke")
    logging.getLogger("connector.aws").warning("not saved")
    assert capfd.readouterr().err == "connector: it broke\nconnector: not saved\n"
    log = (tmp_path / "log").read_text()
    assert log.count("it broke") == log.count("not saved") == 1

"""The log file: private, never waited for, given up when it cannot be written, not forgeable."""

from __future__ import annotations

import logging
import os
import stat
from argparse import Namespace
from pathlib import Path

import pytest

from connector.cli.output.lines import say
from connector.cli.output.logs import set_up_logging
from connector.errors import ConfigError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no modes")


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


def test_failed_write_ends_the_log_and_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    log_to(Path("/dev/full"))
    for number in range(3):
        logging.getLogger("connector").info("more %d", number)
    assert capfd.readouterr().err == (
        "connector: The log file /dev/full cannot be written (No space left on device): "
        "the log ends there\n"
    )


def test_log_call_with_wrong_arguments_raises_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log_to(tmp_path / "log")
    logging.getLogger("connector").warning("%d bytes", "no number")
    err = capfd.readouterr().err
    assert err == "connector: a record of connector cannot be shown (TypeError)\n"
    assert err.removeprefix("connector: ") in (tmp_path / "log").read_text()


FORGED = "mary-1\n2026-11-29 04:00:00,000 1 INFO connector.transport.session: \x1b[31mforged\r"


def test_line_break_in_text_of_the_service_forges_no_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log_to(tmp_path / "log")
    logging.getLogger("connector.x").warning("session %s started", FORGED)
    try:
        raise ValueError(FORGED)
    except ValueError:
        logging.getLogger("connector.x").warning("why", exc_info=True)
    _, first, second, *trace = (tmp_path / "log").read_text().splitlines()
    assert first.endswith(
        " WARNING connector.x: session mary-1 2026-11-29 04:00:00,000 1 INFO "
        "connector.transport.session:  [31mforged  started"
    )
    assert second.endswith(": why")
    assert len(trace) >= 4
    assert all(line.startswith("    ") and line.isprintable() for line in trace)
    shown = capfd.readouterr().err.splitlines()
    assert len(shown) == len(trace) + 2
    assert all(line.startswith("connector: ") and line.isprintable() for line in shown)


def test_warning_of_a_library_is_shown_like_ours(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """pytest catches all records at the root, so the last resort is asked itself."""
    log_to(tmp_path / "log")
    assert logging.lastResort is not None
    record = logging.makeLogRecord({"msg": "Retrying\n", "levelno": logging.WARNING})
    logging.lastResort.handle(record)
    assert capfd.readouterr().err == "connector: Retrying \n"

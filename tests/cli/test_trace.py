"""``connector trace``, with log files as the connector writes them."""

from __future__ import annotations

import logging
from argparse import Namespace
from pathlib import Path

import pytest

from connector.cli.main import main
from connector.cli.output.logs import set_up_logging
from connector.transport.connection import DIALOGUE, dialogue_logger


def record(path: Path, *lines: str, verbose: int = 3) -> None:
    set_up_logging(Namespace(log_file=str(path), verbose=verbose))
    logging.getLogger("connector.transport").info("dialling")
    for line in lines:
        dialogue_logger.log(DIALOGUE, "%s", line)


def test_trace_prints_the_messages_of_a_log_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log"
    record(
        path,
        "> open_data_channel",
        "< output_stream_data 0 payload=output 10 B",
        "< output_stream_data 0 payload=output 10 B",
    )
    capfd.readouterr()

    assert main(["trace", str(path)]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("process ")
    assert [line.split("  ", 1)[1] for line in map(str.strip, lines[1:4])] == [
        "> open_data_channel  (link 1)",
        "< output_stream_data 0 payload=output 10 B",
        "< output_stream_data 0 payload=output 10 B  (retransmission 1)",
    ]
    assert "retransmissions                    0           1" in lines
    assert not any("dialling" in line for line in lines)


def test_dialogue_is_logged_only_with_three_v(tmp_path: Path) -> None:
    path = tmp_path / "log"
    record(path, "> open_data_channel", verbose=2)
    assert "dialling" in path.read_text()
    assert "open_data_channel" not in path.read_text()


def test_trace_of_a_log_without_messages_says_how_to_record(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\xff\n")

    assert main(["trace", str(path)]) == 78
    shown = capfd.readouterr().err
    assert "has no messages of a session" in shown
    assert "`-vvv --log-file PATH`" in shown


def test_trace_of_a_missing_file_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", str(tmp_path / "none")]) == 78
    assert "cannot be read: No such file" in capfd.readouterr().err

"""A session recorded with ``-vvv``, and read by ``connector trace``."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .cloud import Cloud
from .commands import CONNECTOR, Commands
from .targets import GREETING, TcpService, greeting_echo


def test_recorded_session_is_traced(commands: Commands, cloud: Cloud, tmp_path: Path) -> None:
    log = tmp_path / "session.log"
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy("-vvv", "--log-file", str(log))
        process.reader.until(GREETING)
        process.send(b"echo")
        process.reader.until(b"echo")
        process.hang_up()
        assert process.wait() == 0
    done = subprocess.run(
        (*CONNECTOR, "trace", str(log)), capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[1].endswith("> open_data_channel  (link 1)")
    assert any("payload=handshake_complete" in line for line in lines)
    assert any(line.endswith("> input_stream_data 1 payload=output 4 B") for line in lines)
    (bytes_row,) = (line for line in lines if line.startswith("stream bytes"))
    assert bytes_row.split()[-2:] == ["4", str(len(GREETING) + 4)]
    assert f"process {process.pid}, " in lines[0]

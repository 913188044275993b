"""The connector dials the gateway of its last session while the API starts the next one."""

from __future__ import annotations

import json
import re

from .cloud import Cloud
from .commands import Commands
from .targets import GREETING, TcpService, greeting_echo


def dials(commands: Commands) -> list[bool]:
    """Return for each dial in the log whether it was made ahead."""
    log = commands.log_file.read_text()
    return [bool(ahead) for ahead in re.findall(r"dialling [^ ]+?:\d+( ahead)?$", log, re.M)]


def connect(commands: Commands) -> None:
    commands.log_file.unlink(missing_ok=True)
    process = commands.proxy()
    process.reader.until(GREETING)
    process.send(b"?")
    assert process.reader.exactly(1) == b"?"
    process.hang_up()
    assert process.wait() == 0
    assert process.stderr() == ""


def test_second_session_dials_its_gateway_ahead(cloud: Cloud, commands: Commands) -> None:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        connect(commands)
        assert dials(commands) == [False]
        connect(commands)
        assert dials(commands) == [True]


def test_moved_gateway_is_found_after_a_dial_ahead(cloud: Cloud, commands: Commands) -> None:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        connect(commands)
        memory = commands.directory / "home/.cache/devenv-connector/gateways.json"
        (key,) = json.loads(memory.read_text())
        memory.write_text(json.dumps({key: "127.0.0.1:1"}))
        connect(commands)
        assert dials(commands) == [True, False]
        connect(commands)
        assert dials(commands) == [True]

"""Commands as far ends of sessions, with a terminal and without."""

from __future__ import annotations

import json
import os
import sys

import pytest

from connector.datachannel.messages import PayloadType
from connector.emulator.agent import plugins
from connector.emulator.agent.behaviour import CLEAN, ExecuteAs
from connector.emulator.agent.plugins import ERROR_TITLE
from connector.emulator.gateway.gateway import Gateway
from connector.emulator.machine.port import tcp_dialer

from ..stages import eventually
from .stage import JOINED, SEPARATE, Stage, payloads, read_until, reason

WITHOUT_TERMINAL = pytest.mark.parametrize("execute_as", [JOINED, SEPARATE])


async def test_command_on_a_terminal_gets_its_exact_arguments(stage: Stage) -> None:
    arguments = ["a b", "$HOME", "'", '"', "*", "", "\\"]
    client = await stage.execute(
        sys.executable,
        "-c",
        "import json, os, sys; print(json.dumps(sys.argv[1:]), os.isatty(0))",
        *arguments,
    )
    await client.wait_closed()
    assert bytes(client.output) == json.dumps(arguments).encode() + b" True\r\n"


async def test_shell_reports_an_unknown_command_on_a_terminal(stage: Stage) -> None:
    client = await stage.execute("no-such-program")
    assert await reason(client) == ""
    assert b"not found" in client.output


@WITHOUT_TERMINAL
async def test_command_without_terminal_gets_its_arguments_and_no_input(
    stage: Stage, execute_as: ExecuteAs
) -> None:
    stage.behave(CLEAN, execute_as=execute_as)
    arguments = ["a b", "$HOME", "'", "*", ""]
    script = "import json, os, sys; print(json.dumps(sys.argv[1:]), os.isatty(1), os.read(0, 9))"
    client = await stage.execute(sys.executable, "-c", script, *arguments)
    await client.wait_closed()
    assert bytes(client.output) == json.dumps(arguments).encode() + b" False b''\n"


BOTH = "import os, sys; os.write(2, b'err\\n'); os.write(1, b'out\\n'); sys.exit(3)"


async def test_joined_streams_arrive_as_one_without_a_status(stage: Stage) -> None:
    stage.behave(CLEAN, execute_as=JOINED)
    client = await stage.python(BOTH)
    assert await reason(client) == ""
    assert bytes(client.output) == b"err\nout\n"
    assert payloads(client, PayloadType.STDERR) == payloads(client, PayloadType.EXIT_CODE) == []


async def test_joined_streams_arrive_after_the_commands_end(stage: Stage) -> None:
    stage.behave(CLEAN, execute_as=JOINED)
    os.mkfifo(stage.home / "fifo")
    client = await stage.python(
        "import os; os.write(1, b'early\\n'); open('said', 'w').close(); open('fifo').read()"
    )
    await eventually((stage.home / "said").exists)
    assert bytes(client.output) == b""
    with (stage.home / "fifo").open("w"):
        pass
    await client.wait_closed()
    assert bytes(client.output) == b"early\n"


async def test_separate_streams_arrive_with_the_exit_status(stage: Stage) -> None:
    stage.behave(CLEAN, execute_as=SEPARATE)
    client = await stage.python(BOTH)
    assert await reason(client) == ""
    assert bytes(client.output) == b"out\n"
    assert payloads(client, PayloadType.STDERR) == [b"err\n"]
    assert payloads(client, PayloadType.EXIT_CODE) == [b"EXIT_CODE: 3"]


@pytest.mark.parametrize("key", [b"\x03", b"\x1c"])
async def test_control_key_is_a_signal_for_a_command_without_terminal(
    stage: Stage, key: bytes
) -> None:
    stage.behave(CLEAN, execute_as=SEPARATE)
    client = await stage.python(
        "import signal\n"
        "for s in (signal.SIGINT, signal.SIGQUIT): signal.signal(s, signal.SIG_DFL)\n"
        "print('ready.'); signal.pause()\n"
    )
    await read_until(client, b"ready.")
    await client.send(key)
    await client.wait_closed()
    assert payloads(client, PayloadType.EXIT_CODE) == [b"EXIT_CODE: -1"]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent reports a failed start of a command without a pause."""
    monkeypatch.setattr(plugins, "NOT_STARTED_DELAY", 0.0)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("no-such-program", 'exec: "no-such-program": executable file not found in $PATH'),
        ("./no-such-program", "fork/exec ./no-such-program: no such file or directory"),
        ("/", "fork/exec /: permission denied"),
    ],
)
@WITHOUT_TERMINAL
async def test_unknown_program_is_reported_in_the_real_agents_words(
    stage: Stage, execute_as: ExecuteAs, program: str, told: str
) -> None:
    stage.behave(CLEAN, execute_as=execute_as)
    client = await stage.execute(program)
    text = f"Error occurred starting the command: {told}\n"
    assert await reason(client) == ERROR_TITLE + text
    assert payloads(client, PayloadType.STDERR) == [text.encode()]
    status = [b"EXIT_CODE: 1"] if execute_as is SEPARATE else []
    assert payloads(client, PayloadType.EXIT_CODE) == status


@pytest.mark.usefixtures("at_once")
async def test_gateway_without_processes_reports_it(stage: Stage) -> None:
    without = Gateway(stage.model.sessions, tcp_dialer(1), stage.certificates.server_context)
    stage.gateway._open_process = without._open_process
    stage.behave(CLEAN, execute_as=SEPARATE)
    client = await stage.execute("true")
    assert "processes are not supported here" in await reason(client)

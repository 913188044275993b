"""Shells as far ends of sessions."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import PayloadType
from connector.emulator.agent.behaviour import REAL

from ..client import Client
from .stage import Stage, gone, is_running, read_pid, read_until, reason


async def test_shell_runs_commands_and_its_end_ends_the_session(stage: Stage) -> None:
    client = await stage.shell()
    await client.send(b"echo lab$((40+2)) pid $$.\n")
    await read_until(client, b"lab42 ")
    pid = await read_pid(client)
    assert is_running(pid)
    await client.send(b"echo bye; exit 3\n")
    assert await reason(client) == ""
    assert b"bye\r\n" in client.output
    assert not is_running(pid)
    assert stage.model.sessions.living(stage.environment.id) == []


async def test_login_shell_starts_at_home_with_the_clients_terminal_size(
    stage: Stage,
) -> None:
    (stage.home / ".profile").write_text("echo read at login; PS1='> '\n")
    (stage.home / ".bash_profile").write_text(". ~/.profile\n")
    client = await stage.shell()
    await client.send(b'{"cols":123,"rows":45}', PayloadType.SIZE)
    await client.send(b"stty size; pwd; tty; echo $TERM $LANG; exit\n")
    await client.wait_closed()
    output = bytes(client.output)
    assert b"read at login\r\n" in output
    for line in (b"45 123", str(stage.home).encode(), b"xterm-256color C.UTF-8"):
        assert line + b"\r\n" in output
    assert b"\n/dev/" in output


async def test_shell_has_the_environment_of_a_new_login(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_CODECATALYST", "a secret")
    client = await stage.python("import os; print(sorted(os.environ))")
    await client.wait_closed()
    names = set(json.loads(client.output.replace(b"'", b'"')))
    assert {"HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "USER"} <= names
    assert names - {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"} == {
        "HOME",
        "LANG",
        "LOGNAME",
        "PATH",
        "SHELL",
        "TERM",
        "USER",
    }


async def test_control_c_interrupts_the_foreground_job(stage: Stage) -> None:
    client = await stage.shell()
    command = "import os; print('pid', os.getpid(), end='.', flush=True); os.read(0, 9)"
    await client.send(shlex.join([sys.executable, "-c", command]).encode() + b"\n")
    await read_until(client, b"os.read")
    await read_until(client, b"pid ")
    pid = await read_pid(Client(output=bytearray(b"pid ") + await read_until(client, b".")))
    await client.send(b"\x03")
    await gone(pid)
    await client.send(b"echo status $?.\n")
    assert b"status 130." in await read_until(client, b"130.")
    await client.send(b"exit\n")
    await client.wait_closed()


async def test_resize_is_a_signal_for_the_foreground_job(stage: Stage) -> None:
    # With ``pause``, Python would run the handler of an early signal too late.
    client = await stage.python(
        "import os, signal\n"
        "signal.signal(signal.SIGWINCH, lambda *_: None)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})\n"
        "print('ready.')\n"
        "while signal.sigwait({signal.SIGWINCH}):\n"
        "    print(*os.get_terminal_size(), end='.')\n"
    )
    await read_until(client, b"ready.")
    await client.send(b'{"cols":70,"rows":20}', PayloadType.SIZE)
    assert (await read_until(client, b".")).endswith(b"70 20.")
    await client.send(b'{"cols":71,"rows":21}', PayloadType.SIZE)
    assert (await read_until(client, b".")).endswith(b"71 21.")


async def test_first_output_of_the_real_agent_is_a_second_late(stage: Stage) -> None:
    stage.behave(REAL)
    started = asyncio.get_running_loop().time()
    client = await stage.shell()
    assert asyncio.get_running_loop().time() - started >= REAL.first_output_delay
    first = next(m for m in client.received if isinstance(m, AgentMessage) and m.payload_type)
    assert (first.sequence_number, first.payload_type) == (0, PayloadType.OUTPUT)

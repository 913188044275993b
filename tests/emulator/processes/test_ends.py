"""No end of a session leaves a process behind."""

from __future__ import annotations

import asyncio
import shlex
import sys
from dataclasses import replace

import pytest

from connector.emulator.agent.behaviour import CLEAN, ExecuteAs
from connector.emulator.machine import processes

from ..stages import eventually
from .stage import INTERACTIVE, SEPARATE, Stage, gone, read_pid, read_until, reason

#: A program that records SIGHUP. It waits with ``sigwait``: if a signal arrives just before
#: ``pause``, Python runs its handler only after ``pause`` has returned.
WAITING = (
    "import os, signal\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})\n"
    "print('job pid', os.getpid(), end='.', flush=True)\n"
    "open('ready', 'w').close()\n"
    "signal.sigwait({signal.SIGHUP})\n"
    "open('hup', 'w').close()\n"
)


async def test_end_of_the_session_hangs_up_on_shell_and_foreground_job(stage: Stage) -> None:
    client = await stage.shell()
    await client.send(b"echo pid $$.\n")
    await read_until(client, b"\n")
    shell = await read_pid(client)
    (stage.home / "job.py").write_text(WAITING)
    await client.send(shlex.join([sys.executable, "job.py"]).encode() + b"\n")
    await read_until(client, b"job pid ")
    job = int((await read_until(client, b".")).rstrip(b"."))
    stage.end()
    assert await reason(client) == "stopped"
    await gone(shell)
    await gone(job)
    assert (stage.home / "hup").exists()


@pytest.mark.parametrize("execute_as", ExecuteAs)
async def test_end_of_the_session_hangs_up_on_a_command(
    stage: Stage, execute_as: ExecuteAs
) -> None:
    stage.behave(CLEAN, execute_as=execute_as)
    client = await stage.python(WAITING)
    await eventually((stage.home / "ready").exists)
    stage.end()
    assert await reason(client) == "stopped"
    await eventually((stage.home / "hup").exists)


IGNORING = (
    "import os, signal\n"
    "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    "print('job pid', os.getpid(), end='.', flush=True)\n"
    "while True: signal.pause()\n"
)


@pytest.mark.usefixtures("short_patience")
async def test_foreground_job_that_ignores_sighup_is_killed(stage: Stage) -> None:
    client = await stage.shell()
    (stage.home / "job.py").write_text(IGNORING)
    await client.send(shlex.join([sys.executable, "job.py"]).encode() + b"\n")
    await read_until(client, b"job pid ")
    job = int((await read_until(client, b".")).rstrip(b"."))
    stage.end()
    await client.wait_closed()
    await gone(job)


@pytest.mark.usefixtures("short_patience")
@pytest.mark.parametrize("execute_as", [INTERACTIVE, SEPARATE])
async def test_command_that_ignores_sighup_is_killed(stage: Stage, execute_as: ExecuteAs) -> None:
    stage.behave(CLEAN, execute_as=execute_as)
    client = await stage.python(IGNORING)
    await read_until(client, b"job pid ")
    pid = int((await read_until(client, b".")).rstrip(b"."))
    stage.end()
    await client.wait_closed()
    await gone(pid)


async def test_stop_of_the_gateway_kills_a_job_that_ignores_sighup(stage: Stage) -> None:
    client = await stage.python(IGNORING)
    await read_until(client, b"job pid ")
    pid = int((await read_until(client, b".")).rstrip(b"."))
    started = asyncio.get_running_loop().time()
    await stage.gateway.stop()
    await gone(pid)
    assert asyncio.get_running_loop().time() - started < processes.HANG_UP_TIMEOUT


async def test_terminate_flag_hangs_up_where_it_is_obeyed(stage: Stage) -> None:
    stage.behave(CLEAN, always_obeys_flags=True)
    client = await stage.shell()
    await client.send(b"echo pid $$.\n")
    await read_until(client, b"\n")
    shell = await read_pid(client)
    await client.terminate()
    assert await reason(client) == ""
    await gone(shell)


async def test_absent_client_leaves_no_process(stage: Stage) -> None:
    stage.behave(CLEAN)
    behaviour = stage.gateway.behaviour
    stage.gateway.behaviour = replace(
        behaviour, relay=replace(behaviour.relay, client_gone_timeout=0.05)
    )
    client = await stage.python(
        "import os, signal; print('pid', os.getpid(), end='.'); signal.pause()"
    )
    pid = await read_pid(client)
    assert client.connection is not None
    client.connection.transport.abort()
    await gone(pid)


async def test_shell_passes_sighup_on_to_its_jobs(stage: Stage) -> None:
    stage.behave(CLEAN)
    client = await stage.shell()
    hung_up = stage.home / "hung up"
    job = "trap 'echo > \"hung up\"; exit' HUP; echo rea''dy; while :; do sleep 0.01; done"
    await client.send(f"set -m; sh -c {shlex.quote(job)} &\n".encode())
    await read_until(client, b"ready")
    await stage.gateway.stop()
    await eventually(hung_up.exists)

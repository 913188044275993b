"""Shells and commands at the far end of sessions, on real terminals and through the gateway."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shlex
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from connector.datachannel.messages import AgentMessage, PayloadType
from connector.emulator import kinds, processes, sessionprocess
from connector.emulator.behaviour import CLEAN, REAL, AgentBehaviour, ExecuteAs
from connector.emulator.certificates import Certificates
from connector.emulator.gateway import Gateway, GatewayBehaviour
from connector.emulator.kinds import ERROR_TITLE
from connector.emulator.model import CodeCatalystModel
from connector.emulator.port import tcp_target
from connector.emulator.resources import ExecuteCommand, Project, Session, Space, Status
from connector.emulator.service import data_channel_url
from connector.emulator.sessionprocess import process_opener

from .client import Client
from .test_gateway import eventually

INTERACTIVE, JOINED, SEPARATE = ExecuteAs.INTERACTIVE, ExecuteAs.JOINED, ExecuteAs.SEPARATE
WITHOUT_TERMINAL = pytest.mark.parametrize("execute_as", [JOINED, SEPARATE])


@dataclass
class Stage:
    """A gateway whose sessions have processes at their far ends."""

    model: CodeCatalystModel
    gateway: Gateway
    certificates: Certificates
    home: Path
    sessions: list[Session] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)

    def behave(self, behaviour: AgentBehaviour, **changes: object) -> None:
        agent = replace(behaviour, **changes)  # type: ignore[arg-type]
        self.gateway.behaviour = GatewayBehaviour(agent=agent)

    async def shell(self) -> Client:
        """A client of a shell that has shown its prompt."""
        client = await self._open(None)
        await client.receive_until(PayloadType.OUTPUT)
        return client

    async def execute(self, *command: str) -> Client:
        """A client of a command, after the handshake that it may need."""
        client = await self._open(ExecuteCommand(command[0], command[1:]))
        if self.gateway.behaviour.agent.execute_as is not INTERACTIVE:
            await client.shake_hands()
        return client

    async def python(self, script: str) -> Client:
        return await self.execute(sys.executable, "-uc", script)

    async def _open(self, command: ExecuteCommand | None) -> Client:
        (environment,) = self.model.environments("MySpace")
        self.sessions.append(self.model.start_session(environment, "SSM", command))
        self.clients.append(Client())
        return await self.reopen(self.clients[-1])

    async def reopen(self, client: Client) -> Client:
        session = self.sessions[self.clients.index(client)]
        url = data_channel_url(self.gateway.url, session)
        await client.open(url, self.certificates.ca_file, session.token_value)
        return client

    def end(self) -> None:
        """As StopDevEnvironmentSession does, for the newest session."""
        self.model.end_session(self.sessions[-1], "stopped")


@pytest.fixture
async def stage(certificates: Certificates, tmp_path: Path) -> AsyncIterator[Stage]:
    model = CodeCatalystModel()
    user = model.add_user("alice")
    model.add_space(Space("MySpace"))
    model.add_environment(model.add_project(Project("MySpace", "My.Project")), user, Status.RUNNING)
    gateway = Gateway(
        model,
        tcp_target(1, "127.0.0.1"),
        certificates.server_context,
        open_process=partial(process_opener, home=tmp_path),
        seed=1,
    )
    stage = Stage(model, gateway, certificates, tmp_path)
    stage.behave(CLEAN)
    await gateway.start()
    try:
        yield stage
    finally:
        await gateway.stop()
        for client in stage.clients:
            await client.close()


async def read_until(client: Client, end: bytes) -> bytes:
    """Output up to this, and with it."""
    while end not in client.output:
        await client.receive()
    return await client.read(client.output.index(end) + len(end))


async def read_pid(client: Client) -> int:
    """The number of a process that says ``pid <number>.``"""
    text = await read_until(client, b".")
    return int(text.rpartition(b"pid ")[2].rstrip(b"."))


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that only waits to be reaped is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def gone(pid: int) -> None:
    await eventually(lambda: not is_running(pid))


def payloads(client: Client, kind: PayloadType) -> list[bytes]:
    """Of all stream messages of this type, once each."""
    messages = [m for m in client.received if isinstance(m, AgentMessage)]
    return list({m.sequence_number: m.payload for m in messages if m.payload_type == kind}.values())


async def reason(client: Client) -> str:
    """What channel_closed says."""
    output = json.loads((await client.wait_closed()).payload)["Output"]
    assert isinstance(output, str)
    return output


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not end by SIGHUP is killed soon."""
    monkeypatch.setattr(sessionprocess, "HANG_UP_TIMEOUT", 0.05)


# A shell


async def test_a_shell_runs_what_is_typed_and_its_end_ends_the_session(stage: Stage) -> None:
    client = await stage.shell()
    await client.send(b"echo lab$((40+2)) pid $$.\n")
    await read_until(client, b"lab42 ")
    pid = await read_pid(client)
    assert is_running(pid)
    await client.send(b"echo bye; exit 3\n")
    assert await reason(client) == ""
    assert b"bye\r\n" in client.output
    assert not is_running(pid)
    (environment,) = stage.model.environments("MySpace")
    assert stage.model.sessions(environment) == []


async def test_a_shell_is_one_of_a_login_at_home_with_a_terminal_of_the_clients_size(
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


async def test_the_environment_is_that_of_a_new_login(
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


async def test_control_c_interrupts_what_is_in_front(stage: Stage) -> None:
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


async def test_a_resize_is_a_signal_to_what_is_in_front(stage: Stage) -> None:
    client = await stage.python(
        "import os, signal\n"
        "signal.signal(signal.SIGWINCH, lambda *_: print(*os.get_terminal_size(), end='.'))\n"
        "print('ready.')\n"
        "while True: signal.pause()\n"
    )
    await read_until(client, b"ready.")
    await client.send(b'{"cols":70,"rows":20}', PayloadType.SIZE)
    assert (await read_until(client, b".")).endswith(b"70 20.")
    await client.send(b'{"cols":71,"rows":21}', PayloadType.SIZE)
    assert (await read_until(client, b".")).endswith(b"71 21.")


async def test_the_real_agents_first_output_is_a_second_late(stage: Stage) -> None:
    stage.behave(REAL)
    started = asyncio.get_running_loop().time()
    client = await stage.shell()
    assert asyncio.get_running_loop().time() - started >= REAL.first_output_delay
    first = next(m for m in client.received if isinstance(m, AgentMessage) and m.payload_type)
    assert (first.sequence_number, first.payload_type) == (0, PayloadType.OUTPUT)


# Much input and output


async def test_much_input_arrives_whole_though_nobody_reads_at_first(stage: Stage) -> None:
    data = random.Random(2).randbytes(300_000)
    client = await stage.python(
        "import hashlib, os, sys, tty\n"
        "tty.setraw(0)\n"
        "print('ready.')\n"
        "digest, left = hashlib.sha256(), 300_000\n"
        "while left:\n"
        "    read = os.read(0, 9999); left -= len(read); digest.update(read)\n"
        "print(digest.hexdigest(), end='!')\n"
    )
    await read_until(client, b"ready.")
    for start in range(0, len(data), 1000):
        await client.send(data[start : start + 1000])
    assert (await read_until(client, b"!")).strip(b"\r\n!") == (
        hashlib.sha256(data).hexdigest().encode()
    )


LINES = b"".join(b"%d\n" % number for number in range(1, 100_001))
COUNT = "import sys; sys.stdout.write(''.join(f'{n}\\n' for n in range(1, 100_001)))"


@pytest.mark.parametrize("execute_as", ExecuteAs)
async def test_output_outlives_the_process_and_a_broken_link(
    stage: Stage, execute_as: ExecuteAs
) -> None:
    """Half-way the link is cut; meanwhile the process writes what it can, and may end."""
    stage.behave(CLEAN, execute_as=execute_as, window=64)
    client = await stage.python(COUNT)
    data = bytearray(await client.read(100_000))
    assert client.connection is not None
    client.connection.transport.abort()
    await client.connection.wait_closed()
    await stage.reopen(client)
    await client.wait_closed()
    data += client.output
    assert bytes(data).replace(b"\r\n", b"\n") == LINES


@pytest.mark.parametrize("execute_as", [INTERACTIVE, SEPARATE])
async def test_a_client_that_acknowledges_nothing_stops_the_process_at_the_window(
    stage: Stage, execute_as: ExecuteAs
) -> None:
    stage.behave(CLEAN, execute_as=execute_as, window=16, resends_oldest_only=False)
    client = await stage.python(
        "import os\n"
        "def count():\n"
        "    n = 0\n"
        "    while True:\n"
        "        os.write(1, b'x' * 1000)\n"
        "        n += 1\n"
        "        open('count', 'w').write(str(n))\n"
        "count()\n"
    )
    client.acknowledging = False
    await client.read(16 * 1000 if execute_as is SEPARATE else 8 * 1000)
    count = stage.home / "count"

    async def steady() -> int:
        """How much it has written when it writes no more."""
        last = -1
        while (now := int(count.read_text() or 0)) != last:
            last = now
            for _ in range(20):
                await client.receive()  # the window's messages again, and nothing else
        return last

    assert await steady() * 1000 < 16 * 1024 + 256 * 1024 + 2 * 65536 + 1000
    stage.end()


# The end


async def test_the_service_hangs_up_on_a_shell_and_its_job_in_front(stage: Stage) -> None:
    client = await stage.shell()
    await client.send(b"echo pid $$.\n")
    await read_until(client, b"\n")
    shell = await read_pid(client)
    script = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGHUP, lambda *_: (open('hup', 'w').close(), sys.exit()))\n"
        "print('job pid', os.getpid(), end='.', flush=True)\n"
        "while True: signal.pause()\n"
    )
    (stage.home / "job.py").write_text(script)
    await client.send(shlex.join([sys.executable, "job.py"]).encode() + b"\n")
    await read_until(client, b"job pid ")
    job = int((await read_until(client, b".")).rstrip(b"."))
    stage.end()
    assert await reason(client) == "stopped"
    await gone(shell)
    await gone(job)
    assert (stage.home / "hup").exists()


@pytest.mark.parametrize("execute_as", ExecuteAs)
async def test_the_service_hangs_up_on_a_command(stage: Stage, execute_as: ExecuteAs) -> None:
    stage.behave(CLEAN, execute_as=execute_as)
    client = await stage.python(
        "import signal, sys\n"
        "signal.signal(signal.SIGHUP, lambda *_: (open('hup', 'w').close(), sys.exit()))\n"
        "open('ready', 'w').close()\n"
        "while True: signal.pause()\n"
    )
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
async def test_a_job_in_front_that_ignores_the_hang_up_is_killed(stage: Stage) -> None:
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
async def test_a_command_that_ignores_the_hang_up_is_killed(
    stage: Stage, execute_as: ExecuteAs
) -> None:
    stage.behave(CLEAN, execute_as=execute_as)
    client = await stage.python(IGNORING)
    await read_until(client, b"job pid ")
    pid = int((await read_until(client, b".")).rstrip(b"."))
    stage.end()
    await client.wait_closed()
    await gone(pid)


async def test_the_gateways_stop_ends_what_ignores_a_hang_up_at_once(stage: Stage) -> None:
    client = await stage.python(IGNORING)
    await read_until(client, b"job pid ")
    pid = int((await read_until(client, b".")).rstrip(b"."))
    started = asyncio.get_running_loop().time()
    await stage.gateway.stop()
    await gone(pid)
    assert asyncio.get_running_loop().time() - started < processes.HANG_UP_TIMEOUT


async def test_a_flag_that_is_obeyed_hangs_up(stage: Stage) -> None:
    stage.behave(CLEAN, always_obeys_flags=True)
    client = await stage.shell()
    await client.send(b"echo pid $$.\n")
    await read_until(client, b"\n")
    shell = await read_pid(client)
    await client.terminate()
    assert await reason(client) == ""
    await gone(shell)


async def test_a_client_that_went_away_for_good_leaves_no_process(stage: Stage) -> None:
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


async def test_a_shell_passes_the_end_of_the_emulator_on_to_its_jobs(stage: Stage) -> None:
    stage.behave(CLEAN)
    client = await stage.shell()
    hung_up = stage.home / "hung up"
    job = "trap 'echo > \"hung up\"; exit' HUP; echo rea''dy; while :; do sleep 0.01; done"
    await client.send(f"set -m; sh -c {shlex.quote(job)} &\n".encode())
    await read_until(client, b"ready")
    await stage.gateway.stop()
    await eventually(hung_up.exists)


# Commands


async def test_a_command_on_a_terminal_gets_its_arguments_as_they_are(stage: Stage) -> None:
    arguments = ["a b", "$HOME", "'", '"', "*", "", "\\"]
    client = await stage.execute(
        sys.executable,
        "-c",
        "import json, os, sys; print(json.dumps(sys.argv[1:]), os.isatty(0))",
        *arguments,
    )
    await client.wait_closed()
    assert bytes(client.output) == json.dumps(arguments).encode() + b" True\r\n"


async def test_a_command_on_a_terminal_that_is_not_there_is_told_by_the_shell(stage: Stage) -> None:
    client = await stage.execute("no-such-program")
    assert await reason(client) == ""
    assert b"not found" in client.output


@WITHOUT_TERMINAL
async def test_a_command_without_terminal_gets_its_arguments_and_no_input(
    stage: Stage, execute_as: ExecuteAs
) -> None:
    stage.behave(CLEAN, execute_as=execute_as)
    arguments = ["a b", "$HOME", "'", "*", ""]
    script = "import json, os, sys; print(json.dumps(sys.argv[1:]), os.isatty(1), os.read(0, 9))"
    client = await stage.execute(sys.executable, "-c", script, *arguments)
    await client.wait_closed()
    assert bytes(client.output) == json.dumps(arguments).encode() + b" False b''\n"


BOTH = "import os, sys; os.write(2, b'err\\n'); os.write(1, b'out\\n'); sys.exit(3)"


async def test_joined_streams_come_as_one_and_without_a_status(stage: Stage) -> None:
    stage.behave(CLEAN, execute_as=JOINED)
    client = await stage.python(BOTH)
    assert await reason(client) == ""
    assert bytes(client.output) == b"err\nout\n"
    assert payloads(client, PayloadType.STDERR) == payloads(client, PayloadType.EXIT_CODE) == []


async def test_joined_streams_come_when_the_command_has_ended(stage: Stage) -> None:
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


async def test_separate_streams_come_with_the_exit_status(stage: Stage) -> None:
    stage.behave(CLEAN, execute_as=SEPARATE)
    client = await stage.python(BOTH)
    assert await reason(client) == ""
    assert bytes(client.output) == b"out\n"
    assert payloads(client, PayloadType.STDERR) == [b"err\n"]
    assert payloads(client, PayloadType.EXIT_CODE) == [b"EXIT_CODE: 3"]


@pytest.mark.parametrize("key", [b"\x03", b"\x1c"])
async def test_a_control_key_is_a_signal_to_a_command_without_terminal(
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
    """The agent does not pause before it says that a command did not start."""
    monkeypatch.setattr(kinds, "NOT_STARTED_DELAY", 0.0)


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
async def test_a_program_that_is_not_there_is_told_in_the_real_agents_words(
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
async def test_a_gateway_without_processes_says_so(stage: Stage) -> None:
    without = Gateway(stage.model, tcp_target(1), stage.certificates.server_context)
    stage.gateway._open_process = without._open_process
    stage.behave(CLEAN, execute_as=SEPARATE)
    client = await stage.execute("true")
    assert "processes are not supported here" in await reason(client)

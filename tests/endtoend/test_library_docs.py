"""The programs of docs/library.md and of examples/, run unchanged."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import paramiko
import pytest

import connector
from connector import errors
from connector.emulator.access import Access
from connector.emulator.agent.behaviour import CLEAN
from connector.emulator.api.codecatalyst.model import CodeCatalystModel, Status
from connector.emulator.api.codecatalyst.world import CodeCatalystWorld
from connector.emulator.app import Emulator, EmulatorThread

from .commands import Process
from .waiting import PATIENCE

ROOT = Path(connector.__file__).parent.parent
DOCS = (ROOT / "docs" / "library.md").read_text()

#: Each program with its output.
PROGRAMS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", DOCS, re.S)


class World:
    """An emulated Dev Environment with the alias my-env, and a program's access to it."""

    def __init__(self, model: CodeCatalystModel, access: Access, home: Path) -> None:
        self._model = model
        names = access.names.members
        self.environment = model.environment(names["space"], names["project"], names["id"])
        self.environment.alias = "my-env"
        self.home = home
        self.environ: Mapping[str, str] = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "SHELL": "/bin/sh",
            **access.environment,
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            env=self.environ,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def stop_environment(self) -> None:
        self._model.set_status(self.environment, Status.STOPPED)
        self.environment.start_seconds = 1.5


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))  # the emulator's region
    certificates = tmp_path / "certificates"
    certificates.mkdir(mode=0o700)
    emulator = Emulator(certificates, agent=CLEAN)
    with EmulatorThread(emulator) as access:
        assert isinstance(emulator.world, CodeCatalystWorld)
        yield World(emulator.world.model, access, home)


def test_every_program_of_the_page_has_its_output_here() -> None:
    assert len(PROGRAMS) == DOCS.count("```python\n") == 4


@pytest.mark.parametrize(
    ("program", "output"), PROGRAMS, ids=["paramiko", "asyncio", "wait", "error"]
)
def test_program_of_the_page_prints_what_the_page_says(
    world: World, program: str, output: str
) -> None:
    if "STOPPED" in output:
        world.stop_environment()
    answer = world.run("-c", program)
    assert (answer.stdout, answer.stderr, answer.returncode) == (output, "", 0)


def test_page_lists_every_error() -> None:
    listed = set(re.findall(r"`(\w+)`", DOCS[DOCS.index("| error | when |") :]))
    tree = {name for name in connector.__all__ if isinstance(getattr(errors, name, None), type)}
    assert tree - {"ConnectorError", "SessionNotFound"} <= listed


#: Errors without a public name -> the public one as which callers of the library catch them.
PRIVATE = {
    "ConsentNeeded": connector.TargetNotReady,
    "LocalProtocolError": connector.InternalError,
    "MessageRefused": connector.LinkClosed,
    "NoKeys": connector.CredentialsError,
    "NoLogin": connector.CredentialsError,
    "NoRegion": connector.ConfigError,
    "ResourcesExhausted": connector.ConnectorError,  # raised by commands only
    "ServiceMissing": connector.RequestRefused,
    "StartAbandoned": connector.ConnectorError,  # never reaches a caller
}


def test_all_errors_of_a_stream_are_public() -> None:
    kinds = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.ConnectorError)
    }
    assert kinds.keys() - set(connector.__all__) == PRIVATE.keys()
    for name, public in PRIVATE.items():
        assert issubclass(kinds[name], public), name


# examples/


def test_paramiko_example_runs_a_command(world: World) -> None:
    world.stop_environment()
    example = str(ROOT / "examples" / "paramiko_exec.py")
    answer = world.run(example, "my-env", "echo hello; echo oops >&2; exit 3")
    assert (answer.stdout, answer.returncode) == ("hello\noops\n", 3), answer.stderr
    assert answer.stderr.startswith("STOPPED for 0 s\n")
    kept = world.home / ".ssh" / "known_hosts_codecatalyst"
    assert kept.read_text().startswith("my-env ssh-ed25519 ")

    kept.write_text(f"my-env {another_key()}\n")
    answer = world.run(example, "my-env", "echo hello")
    assert (answer.stdout, answer.returncode) == ("", 1)
    assert "does not match" in answer.stderr


def test_paramiko_example_reports_failures(world: World) -> None:
    answer = world.run(str(ROOT / "examples" / "paramiko_exec.py"), "other", "true")
    assert (answer.stdout, answer.returncode) == ("", 1)
    assert "no Dev Environment 'other'" in answer.stderr
    assert answer.stderr.count("\n") == 1


def another_key() -> str:
    from connector.emulator.machine.sshserver import make_host_key

    key = make_host_key()
    return f"{key.get_name()} {key.get_base64()}"


def test_asyncio_example_serves_a_port(world: World, tmp_path: Path) -> None:
    example = str(ROOT / "examples" / "asyncio_stream.py")
    process = Process([sys.executable, example, "my-env", "0"], world.environ, tmp_path / "stderr")
    try:
        port = int(process.reader.line().split()[1])
        for _ in range(2):
            with paramiko.SSHClient() as client:
                client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
                client.connect(
                    "127.0.0.1",
                    port,
                    "mde-user",
                    "",
                    look_for_keys=False,
                    allow_agent=False,
                    timeout=PATIENCE,
                )
                _, stdout, _ = client.exec_command("echo hello", timeout=PATIENCE)
                assert stdout.read() == b"hello\n"
        process.signal(signal.SIGINT)
        assert (process.wait(), process.stderr()) == (130, "")
    finally:
        process.close()

"""Tokens and presigned queries are never printed, and the search for them works.

The fixture ``no_output_holds_a_secret`` checks everything that the whole run has written.
"""

from __future__ import annotations

import ast
import json
import logging
import os
from argparse import ArgumentParser
from pathlib import Path

import pytest

import connector
from connector.cli import attach
from connector.cli.output.progress import Patience, WaitDisplay
from connector.sessions import SessionSource

from .cloud import Cloud
from .commands import Commands
from .secrecy import command_lines, leaks, logging_all_to
from .targets import GREETING, TcpService, greeting_echo


def test_secret_in_a_file_is_found(tmp_path: Path, cloud: Cloud) -> None:
    cloud.start_session()
    cloud.stop_session(cloud.session())
    for number, secret in enumerate(cloud.secrets()):
        file = tmp_path / "deep" / f"stderr-{number}"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"connector: opened with {secret}\n")
        try:
            assert leaks(tmp_path, cloud.secrets()) == [str(file)]
        finally:
            file.unlink()
    assert leaks(tmp_path, cloud.secrets()) == []


def test_secret_in_a_log_is_found(tmp_path: Path, cloud: Cloud) -> None:
    file = tmp_path / "log"
    try:
        with logging_all_to(file, ["tests.secrets"]):
            logging.getLogger("tests.secrets.deeper").debug("token %s", cloud.token)
        assert leaks(tmp_path, cloud.secrets()) == [str(file)]
    finally:
        file.unlink()


def test_secret_that_a_test_prints_fails_that_test(cloud: Cloud, tmp_path: Path) -> None:
    directory = tmp_path / "another"
    directory.mkdir()
    commands = Commands(cloud, directory)
    commands.start("/bin/sh", "-c", 'echo "$0" >&2', cloud.token).wait()
    with pytest.raises(AssertionError, match="a secret was printed"):
        commands.close()
    for file in directory.glob("stderr-*"):
        file.unlink()


@pytest.mark.parametrize("command", ["proxy", "attach"])
def test_no_command_line_contains_a_secret(commands: Commands, cloud: Cloud, command: str) -> None:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        start = commands.proxy if command == "proxy" else commands.attach
        process = start("-vvv", anew=True)
        process.reader.until(GREETING)
        if Path("/proc/self/cmdline").exists():
            lines = command_lines(process.pid)
            assert f" {command} " in lines
            assert " -vvv" in lines
            assert not any(secret in lines for secret in cloud.secrets())
        process.end_input()
        process.stop_reading()
        assert process.wait() == 0
    assert "session open" in process.stderr()
    assert "> open_data_channel" in process.stderr()


#: The files that start programs, of the packages that hold tokens: a ``credential_process``, and
#: ``ssh -G``. The last one is a ProxyCommand itself, which forks and holds no token.
STARTERS = {"aws/keys/chain.py", "aws/keys/program.py", "ssh/offered.py", "ssh/fdpass.py"}


def test_packages_that_hold_tokens_start_certain_programs_only() -> None:
    starting = {"subprocess", "multiprocessing", "pty", "Program", "run_program"}
    starting |= {"fork", "forkpty", "system", "popen", "posix_spawn", "posix_spawnp"}
    root = Path(connector.__file__).parent
    found = set()
    for package in ("datachannel", "transport", "aws", "ssh"):
        for path in (root / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = {node.attr} if isinstance(node, ast.Attribute) else set()
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    names = {each.name.split(".")[0] for each in node.names}
                if isinstance(node, ast.ImportFrom) and not node.level:
                    names.add(str(node.module).split(".")[0])
                if names & starting:
                    found.add(path.relative_to(root).as_posix())
    assert found == STARTERS


def test_session_is_removed_from_the_environment(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = attached(cloud, monkeypatch)
    assert attach.VARIABLE not in os.environ
    assert source.start(Patience(WaitDisplay())).session_id == cloud.session().id
    cloud.stop_session(cloud.session())


def test_session_is_not_shown_to_a_credential_process(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys = '{"Version": 1, "AccessKeyId": "AKIDP", "SecretAccessKey": "hidden"}'
    script, seen = tmp_path / "keys", tmp_path / "seen"
    script.write_text(f"#!/bin/sh\nenv >{seen}\necho '{keys}'\n")
    script.chmod(0o700)
    config = tmp_path / "config"
    config.write_text(f"[profile work]\ncredential_process = {script}\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    source = attached(cloud, monkeypatch, "--profile", "work")
    access = source.start(Patience(WaitDisplay()))
    assert access.signer is not None
    access.signer("wss://127.0.0.1/", False)
    assert "PATH=" in seen.read_text()
    assert access.token_value not in seen.read_text()
    cloud.stop_session(cloud.session())


def attached(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, *words: str) -> SessionSource:
    """Return the source of ``connector attach`` for a session that the variable tells."""
    monkeypatch.setenv(attach.VARIABLE, json.dumps(cloud.start_session()))
    parser = ArgumentParser()
    attach.configure(parser)
    source, _ = attach._prepare(parser.parse_args(words))
    return source

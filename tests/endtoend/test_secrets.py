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
        process = commands.proxy("-vvv") if command == "proxy" else commands.attach("-vvv")
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


#: ssh runs it as a program of its own, which holds no token.
RUN_BY_SSH = Path("ssh", "fdpass.py")


def test_packages_that_hold_tokens_start_no_process() -> None:
    """So no child process can inherit a token, whatever the environment contains."""
    forbidden = {"subprocess", "multiprocessing", "pty"}
    root = Path(connector.__file__).parent
    for package in ("datachannel", "transport", "aws", "ssh"):
        for path in (root / package).rglob("*.py"):
            if path.relative_to(root) == RUN_BY_SSH:
                continue
            tree = ast.parse(path.read_text())
            for node in ast.walk(tree):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                assert not {name.split(".")[0] for name in names} & forbidden, path
                if isinstance(node, ast.Attribute):
                    assert node.attr not in ("fork", "system", "popen", "posix_spawn"), path


def test_session_is_removed_from_the_environment(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(attach.VARIABLE, json.dumps(cloud.start_session()))
    parser = ArgumentParser()
    attach.configure(parser)
    source, _ = attach._prepare(parser.parse_args([]))
    assert attach.VARIABLE not in os.environ
    assert source.start(Patience(WaitDisplay())).session_id == cloud.session().id
    cloud.stop_session(cloud.session())

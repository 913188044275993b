"""``connector demo`` and ``connector emulator``, as a newcomer runs them."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from connector.cli.emulator import EXECUTE_AS
from connector.emulator.agent.behaviour import AgentBehaviour, ExecuteAs

from ..endtoend.sshd import program
from ..endtoend.waiting import Reader
from ..forks import CONNECTOR, start
from .running import run


def test_the_demo_takes_real_ssh_and_scp_through_the_proxy(tmp_path: Path) -> None:
    program("scp")
    done = run("demo", XDG_CACHE_HOME=str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "$ ssh -F ssh_config demo.codecatalyst " in done.stdout
    assert done.stdout.count("1,000,000 bytes") == done.stdout.count(": correct") == 2
    assert "All 3 steps succeeded" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []  # no name to be completed that leads nowhere


def test_the_demo_does_without_an_ssh_client_and_says_so(tmp_path: Path) -> None:
    done = run("demo", PATH=str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ssh is not installed" in done.stdout
    assert done.stdout.count(": correct") == 2


def test_the_demo_fails_when_a_digest_differs(tmp_path: Path) -> None:
    """An scp that drops the last byte of what it copies."""
    real = program("scp")
    liar = tmp_path / "scp"
    liar.write_text(
        f'#!/bin/sh\n"{real}" "$@" || exit\nfor last; do :; done\n'
        'path="${last#*:}"\ntruncate -s -1 "$path"\n'
    )
    liar.chmod(0o755)

    done = run("demo", PATH=f"{tmp_path}:{os.environ['PATH']}")

    assert done.returncode == 1
    assert "WRONG" in done.stdout
    assert "failed" in done.stdout
    assert done.stdout.count("$ scp") == 1


def test_the_demo_fails_when_the_connection_does(tmp_path: Path) -> None:
    """An ssh that never connects."""
    for name in ("ssh", "scp"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'connector: No way' >&2\nexit 255\n")
        (tmp_path / name).chmod(0o755)

    done = run("demo", PATH=f"{tmp_path}:{os.environ['PATH']}")

    assert done.returncode == 1
    assert "connector: No way" in done.stdout
    assert "failed. The demo ends here" in done.stdout


def test_the_demo_is_led_astray_by_no_variable(tmp_path: Path) -> None:
    done = run(
        "demo",
        PATH=str(tmp_path),
        HTTPS_PROXY="http://127.0.0.1:9",
        AWS_PROFILE="nosuch",
        AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true",
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_the_emulator_says_how_to_reach_it_and_ends_on_ctrl_c(
    tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "access.json"
    process = start(
        [*CONNECTOR, "emulator", "--json", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        printed = Reader(process.stderr.fileno()).until(b"Ctrl-C ends it.\n").decode()
        access = json.loads(path.read_text())
        mode = stat.S_IMODE(path.stat().st_mode)
        process.send_signal(number)
        exports = process.stdout.read().decode()
        assert process.stderr.read() == b""

    assert process.returncode == 0
    assert mode == 0o600
    assert f"ssh -F examples/ssh_config {access['host']}" in printed
    assert "/ssh_config demo.codecatalyst\n" in printed
    assert "connector shell demo\n" in printed
    assert not path.exists()
    for name, value in access["environment"].items():
        assert f"export {name}={value}" in exports
    assert access["host"].startswith("codecatalyst-dev-env=ExampleCorp=web.site-1=")
    assert not Path(access["caFile"]).exists()


def test_the_emulator_says_when_its_file_cannot_be_written(tmp_path: Path) -> None:
    done = run("emulator", "--json", str(tmp_path / "missing" / "access.json"))

    assert done.returncode == 78
    assert done.stdout == ""
    assert "cannot be written" in done.stderr


def test_all_that_a_command_may_be_executed_as_can_be_asked_for() -> None:
    assert tuple(execute_as.value for execute_as in ExecuteAs) == EXECUTE_AS
    assert ExecuteAs(EXECUTE_AS[0]) is AgentBehaviour().execute_as


@pytest.mark.parametrize("port", ["0", "65536", "ssh", "-1"])
def test_a_target_that_is_no_port_is_wrong_usage(port: str) -> None:
    done = run("emulator", f"--target={port}")

    assert done.returncode == 2
    assert "--target" in done.stderr


def test_without_its_packages_the_emulator_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys, importlib.util; find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'trustme' else find(name)\n"
        "from connector.cli.main import main; sys.exit(main(['demo']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert done.returncode == 78
    assert done.stderr == (
        "connector: The emulator needs trustme. "
        "In the project's folder, run `pipx install --force '.[emulator]'`, or "
        "`pip install '.[emulator]'` in a virtual environment\n"
    )

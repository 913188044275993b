"""``connector emulator`` as a user starts it: its exports, Dev Environments and clients."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connector.emulator.access import MISLEADING
from connector.targets.registry import KINDS, KindRow

from ..account import own_account
from ..forks import CONNECTOR, run, start
from .sshd import program
from .waiting import PATIENCE, Reader


class Emulated:
    """A running emulator, and a shell that has evaluated its exports."""

    def __init__(self, directory: Path, instructions: str, environ: dict[str, str]) -> None:
        self.instructions = instructions
        self._directory = directory
        self._environ = environ

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run one line of a POSIX shell."""
        connector = f"{CONNECTOR[0]} -m connector"
        return subprocess.run(
            ["/bin/sh", "-c", f'. ./exports; connector() {{ {connector} "$@"; }}; {line}'],
            cwd=self._directory,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@contextmanager
def emulator(directory: Path, *options: str, background: bool = False) -> Iterator[Emulated]:
    """Start the command.

    :param background: start it as a script does with ``&``: it ignores SIGINT and SIGQUIT.
    """
    home = directory / "home"
    home.mkdir()
    environ = {"PATH": os.environ["PATH"], **own_account(home)}
    exports = directory / "exports"
    command = [*CONNECTOR, "emulator", *options]
    if background:
        command = ["/bin/sh", "-c", """trap '' INT QUIT; exec "$@\"""", "sh", *command]
    with exports.open("wb") as stdout:
        process = start(command, env=environ, stdout=stdout, stderr=subprocess.PIPE)
    assert process.stderr is not None
    with process:
        try:
            said = Reader(process.stderr.fileno()).until(b"Ctrl-C ends it.").decode()
            yield Emulated(directory, said, environ)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0


def test_stdout_contains_only_exports(tmp_path: Path) -> None:
    with emulator(tmp_path) as emulated:
        lines = (tmp_path / "exports").read_text().splitlines()
        answer = emulated.run("connector list")
    assert [re.match(r"export \w+=", line) is not None for line in lines] == [True] * 5
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split()[0] == "demo.codecatalyst"
    assert "export AWS_BEARER" not in emulated.instructions


def test_emulator_creates_the_given_environments(tmp_path: Path) -> None:
    words = ("Shop/api:stopped:1", "Load-Test:STOPPED", "demo")
    options = [word for each in words for word in ("--environment", each)]
    with emulator(tmp_path, *options) as emulated:
        listed = emulated.run("connector list").stdout
        answer = emulated.run(
            next(
                line for line in emulated.instructions.splitlines() if line.startswith("  ssh -F /")
            )
            + " uname"
        )
    assert [line.split("\t")[:5] for line in listed.splitlines()] == [
        ["api.codecatalyst", "STOPPED", "api", "ExampleCorp", "Shop"],
        ["demo.codecatalyst", "RUNNING", "demo", "ExampleCorp", "web.site-1"],
        ["Load-Test.codecatalyst", "STOPPED", "Load-Test", "ExampleCorp", "web.site-1"],
    ]
    # The instructions name the first environment, and ssh has started it.
    assert (answer.returncode, answer.stdout) == (0, f"{os.uname().sysname}\n"), answer.stderr


@pytest.mark.parametrize("kind", ["ec2", "ecs"])
def test_list_has_a_line_for_each_service_that_the_endpoint_lacks(
    tmp_path: Path, kind: str
) -> None:
    """The protocols of the services differ, and so do the refusals of what is not served."""
    token = "AWS_BEARER_TOKEN_CODECATALYST=none AWS_ENDPOINT_URL_CODECATALYST=$AWS_ENDPOINT_URL"
    other = "ecs" if kind == "ec2" else "ec2"
    with emulator(tmp_path, "--kind", kind) as emulated:
        listed = emulated.run(f"{token} connector list")
        asked = emulated.run(f"connector list --kind {kind},{other}")
    for answer in (listed, asked):
        assert [line.split("\t")[0] for line in answer.stdout.splitlines()] == [f"demo.{kind}"]
    missing = [row.words.service for row in KINDS if row.has_list and row.name != kind]
    assert listed.stderr.splitlines() == [
        f"connector: The endpoint in use does not serve {service}. "
        "Check --endpoint-url and AWS_ENDPOINT_URL"
        for service in missing
    ]
    assert (listed.returncode, asked.returncode) == (0, 65)


def test_two_environments_of_one_name_are_refused(tmp_path: Path) -> None:
    answer = run(
        [*CONNECTOR, "emulator", "--environment", "demo", "--environment", "Demo:stopped"],
        timeout=60,
        text=True,
    )
    assert (answer.returncode, answer.stdout) == (78, "")
    assert len(answer.stderr.splitlines()) == 1
    assert "have the same alias" in answer.stderr


@pytest.mark.parametrize(
    "word",
    ["", "a", "demo:", "demo:paused", "demo:stopped:x", "demo:stopped:99999", "demo:running:1:2"],
)
def test_malformed_environment_is_wrong_usage(word: str) -> None:
    answer = run([*CONNECTOR, "emulator", "--environment", word], timeout=60, text=True)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "argument --environment: " in answer.stderr


def test_dbclient_of_dropbear_connects(tmp_path: Path) -> None:
    """dbclient guesses the key exchange, and paramiko's server does not skip a wrong guess."""
    dbclient = program("dbclient")
    with emulator(tmp_path) as emulated:
        proxy = f"{CONNECTOR[0]} -m connector proxy demo"
        answer = emulated.run(f"{dbclient} -y -y -J '{proxy}' mde-user@demo 'echo hello; exit 3'")
    assert (answer.returncode, answer.stdout) == (3, "hello\n"), answer.stderr


def test_commands_of_an_emulator_in_the_background_can_be_interrupted(tmp_path: Path) -> None:
    """A shell cannot trap a signal that it ignored at its start."""
    script = "".join(f'trap "echo {name}" {name}; kill -{name} $$; ' for name in ("INT", "QUIT"))
    with emulator(tmp_path, background=True) as emulated:
        answer = emulated.run(f"connector exec demo -- sh -c '{script}'")
    assert answer.stdout == "INT\nQUIT\n", answer.stderr


def test_faults_of_a_file_happen(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[[faults]]\nfault = "close"\nat = { seconds = 0.5 }\noutput = "Maintenance"\n')
    with emulator(tmp_path, "--faults", str(plan)) as emulated:
        answer = emulated.run("connector exec demo -- sleep 60")
    assert answer.returncode == 69
    assert "Maintenance" in answer.stderr


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[faults]]\nfault = "cut"\n', "is not a fault plan: faults[0].how is missing"),
        ("{", "is not a fault plan: the file is not JSON: "),
        (None, "cannot be read (No such file or directory)"),
    ],
    ids=["plan", "syntax", "missing"],
)
def test_bad_fault_plan_is_refused_in_one_line(
    tmp_path: Path, text: str | None, problem: str
) -> None:
    plan = tmp_path / "plan"
    if text is not None:
        plan.write_text(text)
    answer = run([*CONNECTOR, "emulator", "--faults", str(plan)], timeout=60, text=True)
    assert (answer.returncode, answer.stdout) == (78, "")
    assert len(answer.stderr.splitlines()) == 1
    assert problem in answer.stderr


def test_each_of_several_kinds_comes_with_a_command(tmp_path: Path) -> None:
    rows = KINDS[-2:]
    kinds = [word for row in rows for word in ("--kind", row.name)]
    with emulator(tmp_path, *kinds) as emulated:
        lines = emulated.instructions.splitlines()
        advised = [line for line in lines if line.startswith("  connector ")]
        answers = [emulated.run(line) for line in advised]
    assert len([line for line in lines if line.startswith("  ssh -F /")]) == len(rows)
    assert len(answers) == 1 + len(rows)
    for answer, row in zip(answers, [rows[0], *rows], strict=True):
        assert answer.returncode == 0, answer.stderr
        assert row.name in answer.args[-1]


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.name)
def test_target_of_each_kind_that_has_a_list_is_listed(tmp_path: Path, row: KindRow) -> None:
    with emulator(tmp_path, "--kind", row.name, "--json", str(tmp_path / "access")) as emulated:
        access = json.loads((tmp_path / "access").read_text())
        advice = [line for line in emulated.instructions.splitlines() if "connector list" in line]
        answers = [emulated.run(line) for line in advice]
    assert len(answers) == row.has_list
    for answer in answers:
        assert (answer.returncode, answer.stderr) == (0, "")
        assert "demo" in answer.stdout
    lines = (tmp_path / "exports").read_text().splitlines()
    signed = "AWS_ACCESS_KEY_ID" in access["environment"]
    assert [line for line in lines if not line.startswith("export ")] == (
        [f"unset {' '.join(MISLEADING)}"] if signed else []
    )
    assert access["secretAccessKey"] not in emulated.instructions

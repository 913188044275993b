"""Files over ssh: scp, sftp, rsync, lftp and git."""

from __future__ import annotations

import random
import shlex
from pathlib import Path

import pytest

from .cloud import Cloud
from .commands import Answer, Ssh
from .sshd import program

DATA = random.Random(1).randbytes(300_000)


def succeed(answer: Answer) -> Answer:
    assert answer.returncode == 0, answer.stderr.decode()
    return answer


@pytest.fixture
def here(tmp_path: Path) -> Path:
    directory = tmp_path / "here"
    directory.mkdir()
    return directory


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A directory of the Dev Environment, which is on this machine too."""
    directory = tmp_path / "there"
    directory.mkdir()
    return directory


@pytest.mark.parametrize("options", [["-q"], ["-q", "-O"]], ids=["sftp", "rcp"])
def test_scp_copies_both_ways(ssh: Ssh, here: Path, there: Path, options: list[str]) -> None:
    (here / "file").write_bytes(DATA)
    run = ssh.commands.run
    succeed(run(*ssh.command("scp", *options, f"{here}/file", f"{ssh.host}:{there}/copy")))
    assert (there / "copy").read_bytes() == DATA
    succeed(run(*ssh.command("scp", *options, f"{ssh.host}:{there}/copy", f"{here}/back")))
    assert (here / "back").read_bytes() == DATA


def test_sftp_runs_a_batch(ssh: Ssh, here: Path, there: Path) -> None:
    (here / "file").write_bytes(DATA)
    batch = (
        f"put {here}/file {there}/copy\nrename {there}/copy {there}/moved\n"
        f"get {there}/moved {here}/back\nls {there}\n"
    )
    sftp = ssh.command("sftp", "-q", "-b", "-", ssh.host)
    answer = succeed(ssh.commands.run(*sftp, input=batch.encode()))
    assert (here / "back").read_bytes() == DATA
    assert f"{there}/moved".encode() in answer.stdout


def test_rsync_sends_only_changes(ssh: Ssh, here: Path, there: Path, cloud: Cloud) -> None:
    shell = shlex.join(ssh.command("ssh"))
    rsync = [program("rsync"), "-a", "--no-whole-file", "--stats", "-e", shell]
    data = random.Random(2).randbytes(1_000_000)
    changed = data[:500_000] + b"changed" + data[500_000:]
    (here / "tree").mkdir()
    (here / "tree/file").write_bytes(data)
    succeed(ssh.commands.run(*rsync, f"{here}/tree/", f"{ssh.host}:{there}/tree/"))
    assert (there / "tree/file").read_bytes() == data

    (here / "tree/file").write_bytes(changed)
    answer = succeed(ssh.commands.run(*rsync, f"{here}/tree/", f"{ssh.host}:{there}/tree/"))
    assert (there / "tree/file").read_bytes() == changed
    assert _literal_bytes(answer) < 10_000

    (there / "tree/file").write_bytes(data)
    answer = succeed(ssh.commands.run(*rsync, f"{ssh.host}:{there}/tree/", f"{here}/tree/"))
    assert (here / "tree/file").read_bytes() == data
    assert _literal_bytes(answer) < 10_000


def _literal_bytes(answer: Answer) -> int:
    (line,) = [line for line in answer.stdout.decode().splitlines() if "Literal data" in line]
    return int("".join(filter(str.isdigit, line)))


def test_lftp_shares_a_file_out_among_sessions(
    ssh: Ssh, here: Path, there: Path, cloud: Cloud
) -> None:
    (there / "file").write_bytes(DATA)
    shell = shlex.join(ssh.command("ssh", "-a", "-x"))
    commands = (
        f"set sftp:connect-program {shlex.quote(shell)}",
        "set cmd:fail-exit yes",
        "set pget:min-chunk-size 10k",
        f"pget -n 4 {there}/file -o {here}/copy",
        f"put {here}/copy -o {there}/back",
    )
    lftp = [program("lftp"), "--norc", "-e", "; ".join((*commands, "exit")), f"sftp://{ssh.host}"]
    succeed(ssh.commands.run(*lftp))
    assert (here / "copy").read_bytes() == DATA
    assert (there / "back").read_bytes() == DATA
    assert len(cloud.sessions) > 1  # a session whose part is done takes another part


def test_git_clones_and_pushes(ssh: Ssh, here: Path, there: Path) -> None:
    git = program("git")
    environ = {
        **ssh.commands.environ,
        "GIT_SSH_COMMAND": shlex.join(ssh.command("ssh")),
        "GIT_CONFIG_NOSYSTEM": "1",
    }

    def run(*arguments: str, cwd: Path) -> Answer:
        identity = ["-c", "user.name=Mary", "-c", "user.email=mary@example.com"]
        return succeed(ssh.commands.run(git, *identity, *arguments, environ=environ, cwd=cwd))

    run("init", "-q", "--bare", "-b", "main", "origin.git", cwd=there)
    run("clone", "-q", f"{ssh.host}:{there}/origin.git", "clone", cwd=here)
    clone = here / "clone"
    (clone / "file").write_bytes(DATA)
    run("checkout", "-q", "-b", "main", cwd=clone)
    run("add", "file", cwd=clone)
    run("commit", "-q", "-m", "A file", cwd=clone)
    run("push", "-q", "origin", "main", cwd=clone)
    run("clone", "-q", f"{ssh.host}:{there}/origin.git", "again", cwd=here)
    assert (here / "again/file").read_bytes() == DATA

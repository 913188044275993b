"""``connector config-ssh`` as a user runs it: on a terminal or without, twice, at once, killed."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connector.cli.main import main
from connector.programs import run_program
from connector.ssh import places
from connector.ssh.check import SshClient

from ..account import own_account
from ..endtoend.sshd import program
from ..endtoend.waiting import PATIENCE, Reader
from ..forks import CONNECTOR, run, start

Done = subprocess.CompletedProcess[str]
OLD = "# mine\nHost a\n    User x\n"

#: Kills the process when it replaces a file for the n-th time, as a power cut would.
KILLED = """\
import os, signal, sys
from connector.__main__ import main
left, replace = int(sys.argv.pop(1)), os.replace
def dying(*paths):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*paths)
os.replace = dying
sys.exit(main())
"""


class User:
    """A user with a temporary home, whose configuration ssh gets by ``-F``."""

    def __init__(self, home: Path) -> None:
        self.directory = home / "ssh"
        self.config = self.directory / "config"
        self.ours = self.directory / "codecatalyst_config"
        self.environ = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONWARNINGS": "error",
            **own_account(home),
        }
        self.when_asked: Callable[[], object] = lambda: None
        self.directory.mkdir(parents=True)
        self.config.write_text(OLD)

    def command(self, *words: str) -> list[str]:
        return ["config-ssh", "--ssh-config", str(self.config), *words]

    def run(self, *words: str, by: Sequence[str] = CONNECTOR) -> Done:
        """Run it to its end, with no terminal.

        :param by: what stands for the connector.
        """
        command = [*by, *self.command(*words)]
        return run(command, input="", timeout=60, env=self.environ, text=True)

    def succeed(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def state(self) -> dict[str, tuple[int, str]]:
        return {
            path.name: (path.stat().st_mtime_ns, path.read_text())
            for path in self.directory.iterdir()
        }

    def answer(self, typed: bytes) -> tuple[int, str]:
        """Run it on a terminal, and type something when it asks; exit code and output."""
        master, slave = pty.openpty()
        process = start(
            [*CONNECTOR, *self.command()], env=self.environ, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        reader = Reader(master)
        shown = reader.until(b"Write these changes? [y/N] ")
        self.when_asked()
        os.write(master, typed)
        shown += reader.rest()
        os.close(master)
        return process.wait(PATIENCE), shown.decode()

    @property
    def is_set_up(self) -> bool:
        answer = SshClient(program("ssh"), run_program).ask(self.config, "x.codecatalyst")
        return answer.value("user") == "mde-user"


@pytest.fixture
def user(tmp_path: Path) -> User:
    program("ssh")
    return User(tmp_path / "home")


def test_it_shows_what_it_writes_and_writes_it_once(user: User) -> None:
    said = user.succeed("--yes")

    assert f"\n+++ {user.config}\n@@ -1,3 +1,4 @@\n+Include {user.ours}\n # mine\n" in said
    assert f"--- /dev/null\n+++ {user.ours}\n" in said
    assert user.is_set_up
    assert user.config.read_text() == f"Include {user.ours}\n{OLD}"
    once = user.state()
    assert user.succeed().startswith("Nothing to change. Try: ssh -F ")
    assert user.succeed("--yes").startswith("Nothing to change")
    assert user.state() == once


def test_a_dry_run_writes_nothing_not_even_a_directory(user: User) -> None:
    before = user.state()
    said = user.succeed("--dry-run")
    assert f"+Include {user.ours}\n" in said
    assert said.endswith("Nothing was written (--dry-run).\n")
    assert user.state() == before

    user.config.unlink()
    user.directory.rmdir()
    assert f"--- /dev/null\n+++ {user.config}\n" in user.succeed("--dry-run")
    assert not user.directory.exists()


def test_without_a_terminal_it_says_how_to_go_on(user: User) -> None:
    before = user.state()
    done = user.run()

    assert done.returncode == 78
    assert f"+Include {user.ours}\n" in done.stdout
    assert done.stderr.splitlines()[-1] == (
        "connector: Nothing was written: there is no terminal to ask on. "
        "Give --yes to write the changes"
    )
    assert user.state() == before


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        *[(b"y\n", True), (b" Yes \n", True)],
        *[(b"\n", False), (b"n\n", False), (b"yep\n", False), (b"\x04", False)],
    ],
)
def test_on_a_terminal_it_asks(user: User, typed: bytes, written: bool) -> None:
    code, shown = user.answer(typed)

    assert code == 0
    assert user.is_set_up is written
    assert ("Nothing was written." in shown) is not written
    if not written:
        assert {name: text for name, (_, text) in user.state().items()} == {"config": OLD}


def test_what_is_changed_while_it_asks_is_not_overwritten(user: User) -> None:
    user.when_asked = lambda: user.config.write_text("Host b\n")
    code, shown = user.answer(b"y\n")

    assert code == 78
    assert "were changed meanwhile: nothing was written. Run the command again" in shown
    assert {name: text for name, (_, text) in user.state().items()} == {"config": "Host b\n"}


def test_ssh_is_given_a_minute_more_than_the_wait_that_the_user_has_set(user: User) -> None:
    user.environ["CONNECTOR_WAIT"] = "900"
    user.succeed("--yes")

    assert "    ConnectTimeout 960\n" in user.ours.read_text()


@pytest.mark.parametrize(("options", "runs"), [(("--yes",), 5), (("--yes", "--unchecked"), 0)])
def test_commands_of_match_exec_run_a_few_times_or_never(
    user: User, options: tuple[str, ...], runs: int
) -> None:
    log = user.directory / "log"
    user.config.write_text(f'Match exec "echo >> {log}"\n  User x\n')
    user.succeed(*options)

    assert (len(log.read_text()) if log.exists() else 0) == runs
    assert user.is_set_up


def test_remove_takes_out_all_that_was_put_in(user: User) -> None:
    user.succeed("--yes")
    said = user.succeed("--remove", "--yes")

    assert f"-Include {user.ours}\n" in said
    assert said.endswith(f"Done. {user.config} contains nothing of connector.\n")
    assert {name: text for name, (_, text) in user.state().items()} == {"config": OLD}
    assert user.succeed("--remove").startswith("Nothing to change")


@pytest.mark.parametrize("kept", [True, False])
def test_remove_says_what_ssh_itself_leaves_behind(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """In what is home to ssh, and ignores HOME."""
    monkeypatch.setattr(places, "ssh_home", lambda: tmp_path)
    monkeypatch.setenv("HOME", "/elsewhere")
    (tmp_path / ".ssh").mkdir()
    if kept:
        (tmp_path / ".ssh" / "known_hosts_codecatalyst").touch()

    assert main(["config-ssh", "--remove", "--yes"]) == 0
    said = "The host keys of targets stay in ~/.ssh/known_hosts_codecatalyst.\n"
    assert (said in capfd.readouterr().out) is kept


def test_another_configuration_beside_it_has_a_file_of_its_own(user: User) -> None:
    other = user.directory / "vscode"
    user.succeed("--yes")
    done = user.run("--yes", "--ssh-config", str(other))
    assert done.returncode == 0
    assert other.read_text() == f"Include {user.directory}/codecatalyst_vscode\n"
    user.run("--yes", "--remove", "-F", str(other))

    assert user.is_set_up
    assert sorted(user.state()) == ["codecatalyst_config", "config"]


def proxy_command(user: User) -> str:
    (line,) = (line for line in user.ours.read_text().splitlines() if "ProxyCommand " in line)
    return line.strip()


SCRIPT = Path(sys.executable).parent / "connector"
PYTHON = SCRIPT.with_name("python")


def test_the_connector_is_named_by_its_whole_path(user: User) -> None:
    user.succeed("--yes")

    assert proxy_command(user) == f"ProxyCommand {PYTHON} -I {SCRIPT} proxy %n"


def test_without_a_login_it_says_what_to_do_and_does_the_rest(user: User) -> None:
    done = user.run("--yes")

    assert done.returncode == 0
    assert user.is_set_up
    *_, line = done.stderr.splitlines()  # the first may be about a connector in /tmp
    assert line.startswith("connector: IDEs will not show new Dev Environments in their lists")
    assert "Run `connector login" in line
    assert line.endswith("; then run this again")


def test_the_profile_that_was_named_last_is_named(user: User) -> None:
    """An IDE starts ssh with an environment of its own, without AWS_PROFILE."""
    user.environ["AWS_PROFILE"] = "work"
    user.succeed("--yes")
    assert proxy_command(user).endswith(" proxy --profile work %n")

    del user.environ["AWS_PROFILE"]
    assert user.succeed().startswith("Nothing to change")  # what was chosen once stays
    user.succeed("--yes", "--profile", "other one")
    assert proxy_command(user).endswith(' proxy --profile "other one" %n')
    user.environ["AWS_PROFILE"] = "work"
    assert user.succeed().startswith("Nothing to change")

    user.succeed("--remove", "--yes")
    user.succeed("--yes")
    assert proxy_command(user).endswith(" proxy --profile work %n")


def test_compression_is_left_out_until_it_is_asked_for_again(user: User) -> None:
    user.succeed("--yes")
    assert "\n    Compression yes\n" in user.ours.read_text()
    user.succeed("--yes", "--no-compression")
    assert "\n    Compression" not in user.ours.read_text()
    assert user.succeed().startswith("Nothing to change")  # what was chosen once stays
    user.succeed("--yes", "--profile", "work")
    assert "\n    Compression" not in user.ours.read_text()

    user.succeed("--yes", "--compression")
    assert "\n    Compression yes\n" in user.ours.read_text()
    assert proxy_command(user).endswith(" proxy --profile work %n")


def test_a_profile_that_is_not_there_yet_can_be_named(user: User) -> None:
    done = user.run("--yes", "--profile", "later")

    assert done.returncode == 0
    assert "Run `connector login --profile later`" in done.stderr
    assert proxy_command(user).endswith(" proxy --profile later %n")


@pytest.mark.parametrize("profile", ['a"b', "a$b", "100%", "-x"])
def test_a_profile_that_cannot_be_carried_is_refused(user: User, profile: str) -> None:
    before = user.state()
    done = user.run("--yes", f"--profile={profile}")

    assert done.returncode == 78
    assert done.stderr.startswith("connector: ")
    assert done.stdout == ""
    assert user.state() == before


def test_without_ssh_it_says_what_is_missing(user: User) -> None:
    user.environ["PATH"] = str(Path(sys.executable).parent)
    done = user.run("--yes")

    assert done.returncode == 78
    assert "There is no ssh on the PATH. Install OpenSSH's client" in done.stderr


def test_a_connector_in_a_temporary_place_is_warned_about(user: User, tmp_path: Path) -> None:
    script = tmp_path / "connector"
    script.write_text(f"#!{sys.executable}\n{SCRIPT.read_text().partition(chr(10))[2]}")
    script.chmod(0o700)
    user.environ["TMPDIR"] = str(tmp_path)
    done = user.run("--yes", by=[str(script)])

    assert done.returncode == 0
    assert f"{script} is in a temporary directory" in done.stderr
    assert proxy_command(user) == f"ProxyCommand {PYTHON} -I {script} proxy %n"


def test_what_others_have_set_for_the_same_hosts_is_pointed_out(user: User) -> None:
    user.config.write_text("Host codecatalyst-dev-env*\n  User x\n  ProxyCommand y\n")
    done = user.run("--yes")

    assert "connector: Host codecatalyst-dev-env* stays as it is" in done.stderr
    assert user.is_set_up


@pytest.mark.parametrize("words", [["--yes", "--dry-run"], ["extra"], ["--ssh-config"]])
def test_wrong_usage_exits_with_2(user: User, words: list[str]) -> None:
    assert user.run(*words).returncode == 2


def test_many_at_once_write_it_once(user: User) -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: user.run("--yes"), range(4)))

    assert [done.returncode for done in runs] == [0] * 4, [done.stderr for done in runs]
    assert user.config.read_text() == f"Include {user.ours}\n{OLD}"
    assert sorted(user.state()) == ["codecatalyst_config", "config"]
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: user.run("--yes", "--remove"), range(4)))
    assert [done.returncode for done in runs] == [0] * 4, [done.stderr for done in runs]
    assert {name: text for name, (_, text) in user.state().items()} == {"config": OLD}


@pytest.mark.parametrize("words", [["--yes"], ["--yes", "--remove"]])
@pytest.mark.parametrize("at", [1, 2])
def test_a_run_that_is_killed_leaves_each_file_old_or_new(
    user: User, words: list[str], at: int
) -> None:
    if "--remove" in words:
        user.succeed("--yes")
    before = user.config.read_text()
    done = user.run(*words, by=[sys.executable, "-c", KILLED, str(at)])
    assert done.returncode == (-signal.SIGKILL if at == 1 or "--remove" not in words else 0)

    new = OLD if "--remove" in words else f"Include {user.ours}\n{OLD}"
    assert user.config.read_text() in (before, new)
    assert SshClient(program("ssh"), run_program).ask(user.config, "a").value("user") == "x"
    user.succeed(*words)
    assert user.config.read_text() == new
    assert user.is_set_up is ("--remove" not in words)


#: What makes a root obey the modes of its own files, as others have to.
OBEYING = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@pytest.mark.parametrize("words", [["--yes"], ["--yes", "--remove"]])
def test_a_directory_that_cannot_be_written_to_is_left_as_it_is(
    user: User, words: list[str]
) -> None:
    if "--remove" in words:
        user.succeed("--yes")
    before = user.state()
    user.directory.chmod(0o500)
    obeying = [program("setpriv"), *OBEYING[1:]] if os.geteuid() == 0 else []
    done = user.run(*words, by=[*obeying, str(SCRIPT)])
    user.directory.chmod(0o700)

    assert done.returncode == 78
    assert "cannot be written (Permission denied), and is left as it is" in done.stderr
    assert user.state() == before


def test_a_file_that_cannot_be_read_is_left_as_it_is(user: User) -> None:
    user.config.chmod(0o000)
    obeying = [program("setpriv"), *OBEYING[1:]] if os.geteuid() == 0 else []
    done = user.run("--yes", by=[*obeying, str(SCRIPT)])

    assert done.returncode == 78
    assert f"{user.config} cannot be read (Permission denied), and is left as it is" in done.stderr
    assert sorted(path.name for path in user.directory.iterdir()) == ["config"]

"""Python's variables for other programs do not break ssh through the connector."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import connector

from .cloud import Cloud
from .commands import CONNECTOR, Commands, Ssh
from .sshd import USER, Sshd, program
from .test_config_ssh import Configured

ROOT = Path(connector.__file__).parents[1]
SCRIPT = Path(sys.executable).with_name("connector")

#: Each of these variables alone breaks a connector that is not isolated.
BREAKING = {
    "PYTHONPATH": "HOSTILE",
    "PYTHONHOME": "/nowhere",
    "PYTHONPLATLIBDIR": "nolib",
    "PYTHONINSPECT": "1",
    "PYTHONVERBOSE": "1",
}
HARMLESS = {
    "PYTHONSAFEPATH": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUSERBASE": "/nowhere",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONSTARTUP": "/nowhere",
    "PYTHONOPTIMIZE": "2",
}


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A directory of modules named like the connector's and the standard library's."""
    directory = tmp_path / "hostile"
    (directory / "connector").mkdir(parents=True)
    for name in ("connector/__init__.py", "json.py", "socket.py"):
        (directory / name).write_text("raise SystemExit('the wrong module')\n")
    return directory


@pytest.fixture
def configured(ssh: Ssh, cloud: Cloud, tmp_path: Path) -> Configured:
    cloud.add("ExampleCorp", "Shop", "api")
    return Configured(ssh, tmp_path / "home")


def written(configured: Configured) -> str:
    """Return the ProxyCommand of the patterns."""
    lines = configured.ours.read_text().splitlines()
    return next(line.strip() for line in lines if line.endswith(" proxy %n"))


def assert_reaches(configured: Configured, environ: Mapping[str, str]) -> None:
    answer = configured.run(
        *configured.command("ssh", "api.codecatalyst", "echo hello"), environ=environ
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"hello\n", b"")


def test_ssh_connects_despite_variables_of_python(
    configured: Configured, ssh: Ssh, hostile: Path
) -> None:
    configured.configure()
    assert_reaches(configured, {**ssh.commands.environ, **HARMLESS})
    for name, value in BREAKING.items():
        environ = {**ssh.commands.environ, name: value.replace("HOSTILE", str(hostile))}
        assert_reaches(configured, environ)
        # The test is only valid for variables that break Python.
        plain = ssh.commands.run(str(SCRIPT), "--version", environ=environ)
        assert plain.returncode or plain.stderr, name


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHOME"])
def test_connector_ssh_isolates_its_proxy_command(
    commands: Commands, cloud: Cloud, sshd: Sshd, hostile: Path, tmp_path: Path, name: str
) -> None:
    """Here ``connector ssh`` itself is isolated too, because it would not start otherwise."""
    cloud.add("ExampleCorp", "Shop", "api")
    settings = (f"IdentityFile {sshd.user_key}", f"UserKnownHostsFile {tmp_path}/known_hosts")
    options = [word for setting in settings for word in ("-o", setting)]
    user = ("-l", USER)
    answer = commands.run(
        *(sys.executable, "-I", *CONNECTOR[1:], "ssh", "api", *user, *options, "echo hello"),
        environ={**commands.environ, name: BREAKING[name].replace("HOSTILE", str(hostile))},
    )
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr


class Installation:
    """A connector in the base interpreter, without an environment of its own.

    :ivar script: the script as pip writes it.
    """

    def __init__(self, home: Path) -> None:
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        self.python = Path(sys.base_prefix, "bin", version)
        self.user_site = home / ".local" / "lib" / version / "site-packages"
        self.script = home / ".local" / "bin" / "connector"
        self.paths = [str(ROOT), *site.getsitepackages()]
        self.script.parent.mkdir(parents=True)
        self.script.write_text(
            f"#!{self.python}\nimport sys\nfrom connector.__main__ import main\nsys.exit(main())\n"
        )
        self.script.chmod(0o700)

    def install_for_the_user(self) -> None:
        """Link the files of ``pip install --user`` into the user's site-packages."""
        self.user_site.mkdir(parents=True)
        (self.user_site / "connector.pth").write_text("\n".join(self.paths))


@pytest.fixture
def installation(tmp_path: Path, configured: Configured) -> Installation:
    return Installation(tmp_path / "home")


def test_connector_in_user_site_packages_is_partly_isolated(
    configured: Configured, ssh: Ssh, hostile: Path, installation: Installation
) -> None:
    installation.install_for_the_user()
    script = str(installation.script)
    options = ["-E"]
    if sys.version_info >= (3, 11):
        options.append("-P")
        beside = installation.script.with_name("json.py")
        beside.write_text("raise SystemExit('the wrong module')\n")
    python = installation.python
    configure = ("config-ssh", "--ssh-config", str(configured.config), "--yes")
    done = ssh.commands.run(str(python), *options, script, *configure)
    assert done.returncode == 0, done.stderr

    words = " ".join(options)
    assert written(configured) == f"ProxyCommand {python} {words} {script} proxy %n"
    assert_reaches(configured, {**ssh.commands.environ, "PYTHONPATH": str(hostile)})


def test_connector_found_by_pythonpath_is_not_isolated(
    configured: Configured, ssh: Ssh, installation: Installation
) -> None:
    environ = {**ssh.commands.environ, "PYTHONPATH": os.pathsep.join(installation.paths)}
    configure = ("config-ssh", "--ssh-config", str(configured.config), "--yes")
    done = ssh.commands.run(str(installation.script), *configure, environ=environ)
    assert done.returncode == 0, done.stderr

    assert written(configured) == f"ProxyCommand {installation.script} proxy %n"
    assert_reaches(configured, environ)


def test_other_version_of_the_connector_is_not_used(
    configured: Configured, ssh: Ssh, tmp_path: Path, installation: Installation
) -> None:
    """The isolated interpreter may find another copy, such as the system's."""
    other = tmp_path / "home" / ".local" / "bin" / "python"
    other.write_text(f"#!{program('sh')}\necho connector 0.0.1\n")
    other.chmod(0o700)
    run = (
        "import sys; from connector.__main__ import main; "
        f"sys.executable = {str(other)!r}; sys.argv[0] = {str(SCRIPT)!r}; sys.exit(main())"
    )
    configure = ("config-ssh", "--ssh-config", str(configured.config), "--yes")
    done = ssh.commands.run(sys.executable, "-c", run, *configure)
    assert done.returncode == 0, done.stderr

    assert written(configured) == f"ProxyCommand {SCRIPT} proxy %n"

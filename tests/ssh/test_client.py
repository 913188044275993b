"""How ssh is called, with ssh itself as the judge of what it makes of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from connector.cli.itself import as_proxy_command
from connector.ssh.client import command_line, configuration, host_word
from connector.targets.codecatalyst.hosts import DevEnvironment

SSH = shutil.which("ssh")
HERE = DevEnvironment("MySpace", "My.Project", "01234567-89ab-cdef-0123-456789abcdef")

pytestmark = pytest.mark.skipif(SSH is None, reason="the program ssh is not installed")


def settings(
    tmp_path: Path,
    *arguments: str,
    user: str = "",
    system: str = "",
    host: str = "my-env.codecatalyst",
) -> dict[str, str]:
    """What ``ssh -G`` makes of a call; the configurations are ours, not those of this machine."""
    for name, text in (("user", user), ("system", system)):
        (tmp_path / f"{name} config").write_text(text)
    ours = tmp_path / "our config"
    ours.write_text(configuration(f'"{tmp_path}/user config"', f"{tmp_path}/system config"))
    words = command_line(HERE, host, "connector proxy", str(ours), ["-G", *arguments])
    done = subprocess.run(
        [str(SSH), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pairs = (line.partition(" ") for line in done.stdout.splitlines())
    return {key: value for key, _, value in pairs}


def test_nothing_has_to_be_configured(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found["user"] == "mde-user"
    assert found["connecttimeout"] == "660"
    assert found["serveraliveinterval"] == "15"
    assert found["stricthostkeychecking"] == "accept-new"
    assert found["userknownhostsfile"].endswith("/.ssh/known_hosts_codecatalyst")
    assert found["hostkeyalias"] == f"codecatalyst-{HERE.id}"
    assert found["proxycommand"] == "connector proxy"


def test_a_configuration_that_is_not_there_is_none(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(configuration("/none/user", "/none/system"))
    words = command_line(HERE, "a.codecatalyst", "connector", str(config), ["-T", "-G"])
    done = subprocess.run([str(SSH), *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_users_own_sections_come_before_ours(tmp_path: Path) -> None:
    user = "Host *.codecatalyst\n  User bob\n  LocalForward 8080 localhost:80\nHost else\n  Port 9"
    found = settings(tmp_path, user=user, system="Host *\n  User carol\n  ConnectTimeout 5\n")
    assert found["user"] == "bob"
    assert found["localforward"] == "8080 [localhost]:80"
    assert found["connecttimeout"] == "5"
    assert found["port"] == "22"
    assert found["serveraliveinterval"] == "15"


def test_arguments_come_before_all(tmp_path: Path) -> None:
    user = "Host *\n  User bob\n"
    assert settings(tmp_path, "-l", "dora", user=user)["user"] == "dora"
    assert settings(tmp_path, "-o", "ConnectTimeout=3")["connecttimeout"] == "3"
    assert settings(tmp_path, "-p", "2022", "--", "ls", "-l")["port"] == "2022"


def test_nothing_leads_elsewhere(tmp_path: Path) -> None:
    user = (
        "Host *\n  ProxyCommand none\n  ProxyJump bastion\n  HostKeyAlias other\n"
        "  HostName elsewhere\n  ProxyUseFdpass yes\n"
        "Match canonical all\n  ForwardAgent yes\n"
        "Match all\n  CanonicalizeHostname always\n  CanonicalDomains invalid\n"
        "  CanonicalizeFallbackLocal no\n"
    )
    found = settings(tmp_path, "-o", "ProxyCommand=none", "-o", "HostKeyAlias=x", user=user)
    assert found["proxycommand"] == "connector proxy"
    assert "proxyjump" not in found
    assert found["proxyusefdpass"] == "no"
    assert (found["canonicalizehostname"], found["forwardagent"]) == ("false", "no")
    assert found["hostkeyalias"] == f"codecatalyst-{HERE.id}"


@pytest.mark.parametrize(
    "word", ["a b", "100%", "%h%n", "it's", '"', "$HOME", "`id`", "a\\b", "*", ";", "\u00e4"]
)
def test_a_proxy_command_is_the_words_it_was_made_of(tmp_path: Path, word: str) -> None:
    """Run by ssh and the user's shell, it writes down what it was called with."""
    script = tmp_path / "a script 50% off"
    written = tmp_path / "written"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$(dirname "$0")/written"\n')
    script.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(configuration("/none/user", "/none/system"))
    words = command_line(
        HERE, "a.codecatalyst", as_proxy_command([str(script), word, "end"]), str(config), ["-T"]
    )
    subprocess.run(
        [str(SSH), *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
    )
    assert written.read_text() == f"{word}\nend\n"


def test_plain_words_are_not_quoted() -> None:
    assert (
        as_proxy_command(["/usr/bin/connector", "proxy", "a=b"]) == "/usr/bin/connector proxy a=b"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my-env", "my-env.codecatalyst"),
        ("My.Env.project", "My.Env.project.codecatalyst"),
        ("my-env.codecatalyst", "my-env.codecatalyst"),
        ("my-env.CodeCatalyst", "my-env.codecatalyst"),
        ("01234567", "01234567.codecatalyst"),
        (HERE.host_name, HERE.host_name),
        (f"aws-devenv-{HERE.id}", f"aws-devenv-{HERE.id}"),
        ("-oProxyCommand=x", HERE.host_name),
        ("my env", HERE.host_name),
        ("user@my-env", HERE.host_name),
    ],
)
def test_the_host_word_is_what_a_configured_ssh_would_be_called_with(
    name: str, expected: str
) -> None:
    assert host_word(name, HERE) == expected

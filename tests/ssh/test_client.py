"""How ``connector ssh`` calls ssh, with ``ssh -G`` as the judge."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from connector.cli.itself import as_proxy_command
from connector.ssh.client import Call, configuration
from connector.targets.codecatalyst.kind import KIND

PROGRAM = shutil.which("ssh")
ID = "01234567-89ab-cdef-0123-456789abcdef"
ALIAS = f"codecatalyst-{ID}"
AWS_NAME = f"codecatalyst-dev-env=MySpace=My.Project={ID}"

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="the program ssh is not installed")


def settings(
    tmp_path: Path,
    *arguments: str,
    user: str = "",
    system: str = "",
    host: str = "my-env.codecatalyst",
    fdpass: bool = False,
) -> dict[str, str]:
    """Return what ``ssh -G`` prints for a call, with configurations of the test."""
    for name, text in (("user", user), ("system", system)):
        (tmp_path / f"{name} config").write_text(text)
    ours = tmp_path / "our config"
    ours.write_text(
        configuration(
            KIND.ssh, "mde-user", f'"{tmp_path}/user config"', f"{tmp_path}/system config"
        )
    )
    call = Call(host, ALIAS, str(ours), ["-G", *arguments], fdpass)
    words = call.words("connector proxy")
    done = subprocess.run(
        [str(PROGRAM), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pairs = (line.partition(" ") for line in done.stdout.splitlines())
    return {key: value for key, _, value in pairs}


def test_call_needs_no_configuration(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found["user"] == "mde-user"
    assert found["connecttimeout"] == "660"
    assert found["serveraliveinterval"] == "15"
    assert found["stricthostkeychecking"] == "accept-new"
    assert found["userknownhostsfile"].endswith("/.ssh/known_hosts_codecatalyst")
    assert found["hostkeyalias"] == ALIAS
    assert found["proxycommand"] == "connector proxy"
    assert found["compression"] == "yes"


@pytest.mark.parametrize("fdpass", [True, False])
def test_connection_is_taken_as_the_caller_says(tmp_path: Path, fdpass: bool) -> None:
    user = f"Host *\n  ProxyUseFdpass {'no' if fdpass else 'yes'}\n"
    found = settings(tmp_path, user=user, fdpass=fdpass)
    assert found["proxyusefdpass"] == ("yes" if fdpass else "no")


def test_user_that_is_not_known_is_left_to_ssh(tmp_path: Path) -> None:
    text = configuration(KIND.ssh, "", "/none/user", "/none/system")
    assert "User " not in text
    assert "UserKnownHostsFile" in text


def test_missing_configurations_are_ignored(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(configuration(KIND.ssh, "mde-user", "/none/user", "/none/system"))
    call = Call("a.codecatalyst", ALIAS, str(config), ["-T", "-G"], fdpass=True)
    words = call.words("connector")
    done = subprocess.run([str(PROGRAM), *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_sections_of_the_user_beat_the_defaults(tmp_path: Path) -> None:
    user = "Host *.codecatalyst\n  User bob\n  LocalForward 8080 localhost:80\nHost else\n  Port 9"
    found = settings(tmp_path, user=user, system="Host *\n  User carol\n  ConnectTimeout 5\n")
    assert found["user"] == "bob"
    assert found["localforward"] == "8080 [localhost]:80"
    assert found["connecttimeout"] == "5"
    assert found["port"] == "22"
    assert found["serveraliveinterval"] == "15"


def test_arguments_of_the_user_beat_all_settings(tmp_path: Path) -> None:
    user = "Host *\n  User bob\n"
    assert settings(tmp_path, "-l", "dora", user=user)["user"] == "dora"
    assert settings(tmp_path, "-o", "ConnectTimeout=3")["connecttimeout"] == "3"
    assert settings(tmp_path, "-p", "2022", "--", "ls", "-l")["port"] == "2022"


def test_user_cannot_redirect_the_connection(tmp_path: Path) -> None:
    user = (
        "Host *\n  ProxyCommand none\n  ProxyJump bastion\n  HostKeyAlias other\n"
        "  HostName elsewhere\n  ProxyUseFdpass yes\n"
        "Match canonical all\n  ForwardAgent yes\n"
        "Match all\n  CanonicalizeHostname always\n  CanonicalDomains invalid\n"
        "  CanonicalizeFallbackLocal no\n"
    )
    words = ["-o", "ProxyCommand=none", "-o", "HostKeyAlias=x", "-o", "ProxyUseFdpass=yes"]
    found = settings(tmp_path, *words, user=user)
    assert found["proxycommand"] == "connector proxy"
    assert "proxyjump" not in found
    assert found["proxyusefdpass"] == "no"
    assert (found["canonicalizehostname"], found["forwardagent"]) == ("false", "no")
    assert found["hostkeyalias"] == ALIAS


@pytest.mark.parametrize(
    "word", ["a b", "100%", "%h%n", "it's", '"', "$HOME", "`id`", "a\\b", "*", ";", "\u00e4"]
)
def test_proxy_command_runs_with_its_exact_words(tmp_path: Path, word: str) -> None:
    """ssh and the user's shell run a script that writes its arguments to a file."""
    script = tmp_path / "a script 50% off"
    written = tmp_path / "written"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$(dirname "$0")/written"\n')
    script.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(configuration(KIND.ssh, "mde-user", "/none/user", "/none/system"))
    call = Call("a.codecatalyst", ALIAS, str(config), ["-T"], fdpass=False)
    words = call.words(as_proxy_command([str(script), word, "end"]))
    subprocess.run(
        [str(PROGRAM), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=20,
        check=False,
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
        (AWS_NAME, AWS_NAME),
        (f"aws-devenv-{ID}", f"aws-devenv-{ID}"),
        ("-oProxyCommand=x", None),
        ("my env", None),
        ("user@my-env", None),
        ("", None),
    ],
)
def test_host_word_is_the_name_for_a_configured_ssh(name: str, expected: str | None) -> None:
    assert KIND.ssh.host_word(name) == expected

"""The written file means the same to every program that reads ssh_config."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from connector.ssh import config
from connector.ssh.command import proxy_command
from connector.ssh.include import NamedHost, render
from connector.targets.codecatalyst.kind import KIND

from ..endtoend.commands import EXAMPLE
from .setups import BY_AWS, CHOICES, COMMAND, ID, OTHER, WEB, host_patterns
from .thirdparty import ALL, connect_libssh

WORDS = shlex.split(COMMAND)[:-1]

#: Names that the patterns match, and that have no section.
UNNAMED = ["x.y.codecatalyst", BY_AWS, f"aws-devenv-{ID}"]

NOT_OURS = [
    *("github.com", "localhost", "10.0.0.1", "a", "Space=My.Project=x", "codecatalyst"),
    *("codecatalyst-dev-en", "my-codecatalyst-dev-env", "my-codecatalyst-dev-env=a=b=c"),
    *("aws-devenv", "an-aws-devenv-1", "web.codecatalyst.com", "webcodecatalyst", "codecatalyst.x"),
]

#: Host names that a reader rejects with any configuration.
NO_HOSTS = {"libssh": {BY_AWS, *(name for name in NOT_OURS if "=" in name)}}

#: Readers that leave ``%n`` in place, or reject it when they connect.
WITHOUT_N = {"paramiko", "libssh"}


@pytest.fixture(params=ALL)
def reader(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_bytes(render(KIND.ssh, CHOICES, [WEB, OTHER], None, created_config=False))
    return path


def filled_in(text: str) -> str:
    """Return the example with the section for one Dev Environment filled in."""
    text = re.sub(r"<dev-environment-id>", ID, text)
    text = text.replace("<space>", "Space").replace("<project>", "My.Project")
    head, mark, section = text.partition("#Host my-env")
    return head + re.sub(r"(?m)^#", "", mark + section)


@pytest.mark.parametrize("host", [WEB, OTHER], ids=lambda host: host.name)
def test_every_reader_finds_a_literal_command_for_a_listed_name(
    generated: Path, reader: str, host: NamedHost
) -> None:
    meaning = ALL[reader](generated, host.name)

    assert meaning.user == "mde-user"
    assert meaning.command == [*WORDS, host.name]
    assert meaning.alias == (None if reader == "libssh" else host.host_key_alias)


@pytest.mark.parametrize("host", UNNAMED)
def test_every_reader_matches_other_names_by_the_patterns(
    generated: Path, reader: str, host: str
) -> None:
    if host in NO_HOSTS.get(reader, ()):
        with pytest.raises(AssertionError):
            ALL[reader](generated, host)
        return
    meaning = ALL[reader](generated, host)

    assert meaning.user == "mde-user"
    assert meaning.command == [*WORDS, "%n" if reader in WITHOUT_N else host]
    assert meaning.alias is None


@pytest.mark.parametrize("example", [False, True])
def test_no_reader_applies_our_settings_to_another_host(
    generated: Path, reader: str, example: bool
) -> None:
    for host in NOT_OURS:
        if host not in NO_HOSTS.get(reader, ()):
            meaning = ALL[reader](EXAMPLE if example else generated, host)
            assert meaning.user != "mde-user", host
            assert (meaning.command, meaning.alias) == (None, None), host


@pytest.mark.parametrize("host", UNNAMED)
def test_example_means_the_same_to_every_reader(reader: str, host: str) -> None:
    if host in NO_HOSTS.get(reader, ()):
        return
    meaning = ALL[reader](EXAMPLE, host)

    assert meaning.user == "mde-user"
    assert meaning.command == ["connector", "proxy", "%n" if reader in WITHOUT_N else host]


def test_section_of_the_example_means_the_same_to_every_reader(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "config"
    path.write_text(filled_in(EXAMPLE.read_text()))
    meaning = ALL[reader](path, "my-env")

    assert meaning.user == "mde-user"
    options = ["--space", "Space", "--project", "My.Project", "--id", ID]
    assert meaning.command == ["connector", "proxy", *options]
    assert meaning.alias == (None if reader == "libssh" else f"codecatalyst-{ID}")


@pytest.mark.parametrize("profile", [None, "two words", "p"])
def test_every_reader_keeps_blanks_in_the_command(
    tmp_path: Path, reader: str, profile: str | None
) -> None:
    path = tmp_path / "config"
    choices = CHOICES._replace(proxy_command=proxy_command(["/opt/a b/connector"], profile))
    path.write_bytes(render(KIND.ssh, choices, [WEB], None, created_config=False))

    words = ["--profile", profile] if profile else []
    assert ALL[reader](path, WEB.name).command == ["/opt/a b/connector", "proxy", *words, WEB.name]


def test_host_lines_have_no_character_that_is_syntax_for_a_reader(generated: Path) -> None:
    in_example = list(host_patterns(filled_in(EXAMPLE.read_text()).encode()))
    words = [*host_patterns(generated.read_bytes()), *in_example]

    assert {*KIND.ssh.patterns, WEB.name, "my-env"} < set(words)
    assert not [word for word in words if re.search(r"[^A-Za-z0-9._*-]", word)]


def test_service_name_gets_no_section(tmp_path: Path) -> None:
    """Its ``=`` would end the word. The pattern matches it."""
    text = render(KIND.ssh, CHOICES, [WEB._replace(name=BY_AWS), OTHER], None, created_config=False)

    assert b"Host codecatalyst-dev-env=" not in text
    assert OTHER.name.encode() in text


def test_section_of_a_name_sets_all_that_the_patterns_set(generated: Path) -> None:
    """Some readers apply only the section of a name."""
    sections: dict[str, dict[str, tuple[str, ...]]] = {}
    for line in config.parse(generated.read_bytes()):
        if line.keyword == "host":
            settings = sections.setdefault(line.words[0], {})
        else:
            settings[line.keyword] = line.words
    of_name, of_patterns = sections[WEB.name], sections["*.codecatalyst"]

    assert of_name.pop("hostkeyalias") == (f"codecatalyst-{ID}",)
    assert of_name.pop("proxycommand") == (*WORDS, WEB.name)
    assert of_patterns.pop("proxycommand") == (*WORDS, "%n")
    assert of_name == of_patterns


def test_libssh_runs_the_command_of_a_listed_name_and_rejects_the_patterns(tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = tmp_path / "a connector"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{said}.new"; mv "{said}.new" "{said}"\n')
    script.chmod(0o755)
    path = tmp_path / "config"
    choices = CHOICES._replace(proxy_command=proxy_command([str(script)], "codecatalyst"))
    path.write_bytes(render(KIND.ssh, choices, [WEB], None, created_config=False))

    assert "apply options" in connect_libssh(path, "x.codecatalyst")
    assert not said.exists()
    assert connect_libssh(path, WEB.name)  # the script is not a server
    assert said.read_text().split() == ["proxy", "--profile", "codecatalyst", WEB.name]

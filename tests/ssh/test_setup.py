"""Configurations of all kinds set up and cleared again: ``ssh -G`` says what they mean."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from connector.errors import ConfigError
from connector.ssh import client, config
from connector.ssh.change import Change
from connector.ssh.check import ANY_HOST
from connector.ssh.include import MOST_NAMES, KnownHost
from connector.ssh.plan import current_proxy_command

from ..endtoend.commands import EXAMPLE
from .setups import BY_AWS, COMMAND, ID, WEB, Setup, host_patterns

CONSOLE = b"""\
Host codecatalyst-dev-env*
  User old-user
  IdentitiesOnly yes
  ProxyCommand bash -c ~/.aws/codecatalyst-dev-env/script.sh %n
"""
TOOLKIT = b"""\
Host aws-devenv-*
    ForwardAgent yes
    StrictHostKeyChecking no
    ProxyCommand '/x/codecatalyst_connect' '%h'
    User old-user
"""

CONFIGS = {
    "nothing": b"",
    "a newline": b"\n",
    "a comment": b"# mine",
    "one host": b"Host a\n    User x\n    Port 2222\n",
    "no final newline": b"Host a\n    User x",
    "CRLF": b"# mine\r\nHost a\r\n    User x\r\n\r\nHost b\r\n\tUser y\r\n",
    "CRLF below": b"Host a\n    User x\r\nHost b\r\n    User y",
    "tabs": b"\tHost\ta\tb\n\t\tUser\tx\t\n",
    "a form feed": b"Host a\n  User x \f\n",
    "equals signs": b"Host=a\nUser=x\nHost = b\nUser = y\n",
    "quotes": b'Host "a" b\n  ProxyCommand "/a b/c" %h\n  IdentityFile "~/my key"\n',
    "case of keywords": b"hOsT a\n  uSER x\nMATCH host b\n  USER y\n",
    "settings above": b"User x\nServerAliveInterval 7\nProxyCommand none\nHost a\n  User y\n",
    "everything for all": (
        b"Host *\n  User x\n  ProxyJump j\n  ConnectTimeout 5\n  HostKeyAlias z\n"
    ),
    "a jump for all": b"ProxyJump bastion\nStrictHostKeyChecking no\n",
    "negations": b"Host * !a\n  User x\nHost a !b\n  User y\n",
    "match": (
        b"Match host a,b\n User x\nMatch originalhost c user root\n User y\nMatch all\n Port 9\n"
    ),
    "match exec": b'Match exec "test %h = a"\n  User x\nHost a\n  Port 9\n',
    "match final": b"Host a\n HostName b\nMatch final host b\n User x\nMatch final all\n Port 9\n",
    "match canonical": (
        b"CanonicalizeHostname always\nCanonicalizeFallbackLocal yes\nCanonicalDomains invalid\n"
        b"Match canonical all\n  User x\nHost a\n  Port 9\n"
    ),
    "unknown settings": b"IgnoreUnknown UseKeychain\nUseKeychain yes\nHost a\n  User x\n",
    "an included pattern": b"Include DIR/config.d/*.conf\nHost a\n  User x\n",
    "included in a host": b"Host a\n  Include DIR/config.d/one.conf\n  User x\nHost b\n  Port 9\n",
    "a nested include": b"Include DIR/config.d/nested\nHost a\n  User x\n",
    "a missing include": b"Include DIR/nowhere DIR/nor*here\nHost a\n  User x\n",
    "Latin-1": b"# \xe4\xf6\xfc\nHost caf\xe9 a\n  User \xfc\n",
    "UTF-8": "# 日本\nHost a\n  User é\n".encode(),
    "the console's": b"Host a\n  User x\n" + CONSOLE,
    "the toolkit's": TOOLKIT + b"Host a\n  User x\n",
    "a name of ours": f"Host {BY_AWS} web.codecatalyst\n  User x\n  ProxyCommand none\n".encode(),
    "a long line": b"Host a\n  User x\n#" + b"x" * 500_000 + b"\nHost b\n  User y\n",
    "many lines": b"".join(b"Host h%d\n  User u%d\n" % (n, n) for n in range(150)),
    "a remote command": b"Host *\n  RemoteCommand tmux\n  RequestTTY yes\n",
    "a multiplexer": b"Host *\n  ControlMaster auto\n  ControlPath ~/.ssh/%C\n",
}


@pytest.fixture(params=CONFIGS)
def before(request: pytest.FixtureRequest, setup: Setup) -> bytes:
    """One of the configurations, written."""
    included = setup.directory.parent / "config.d"
    included.mkdir()
    (included / "one.conf").write_text("Host one\n  User first\nHost *\n  Port 1\n")
    (included / "two.conf").write_text("Host two a\n  Port 2\n")
    (included / "nested").write_text(f"Include {included}/one.conf\nHost three\n  User third\n")
    text = CONFIGS[request.param].replace(b"DIR", os.fsencode(setup.directory.parent))
    setup.config.write_bytes(text)
    setup.config.chmod(0o644)
    return text


def hosts_of(text: bytes) -> list[str]:
    literal = [name for name in host_patterns(text) if config.is_literal(name)]
    others = ["a", "b", "one", "two", "three", ANY_HOST]
    theirs = (name for name in [*literal[:20], *others] if "codecatalyst" not in name)
    return list(dict.fromkeys(theirs))


def test_a_setup_works_changes_no_other_host_and_leaves_no_trace(
    setup: Setup, before: bytes
) -> None:
    said = {host: setup.ask(host).settings for host in hosts_of(before)}
    assert any(said.values())
    untouched = setup.files()

    plan = setup.set_up()

    newline = b"\r\n" if before.partition(b"\n")[0].endswith(b"\r") else b"\n"
    assert setup.config.read_bytes() == setup.include + newline + before
    assert setup.config.stat().st_mode & 0o777 == 0o644
    assert setup.ours.stat().st_mode & 0o777 == 0o600
    assert {host: setup.ask(host).settings for host in said} == said
    setup.assert_works()
    assert any("stays as it is" in note for note in plan.notes) is (
        b"codecat" in before or b"aws-" in before
    )

    once = setup.files()
    again = setup.set_up()
    assert not any(change.is_one for change in again.changes)
    assert setup.files() == once

    setup.remove()
    left = setup.files()
    assert {name: entry[3] for name, entry in left.items()} == {
        name: entry[3] for name, entry in untouched.items()
    }
    assert left["config"][:2] == untouched["config"][:2]


def test_a_configuration_that_was_not_there_is_removed_again(setup: Setup) -> None:
    setup.directory.rmdir()
    setup.set_up()

    setup.assert_works()
    assert setup.directory.stat().st_mode & 0o777 == 0o700
    assert setup.config.read_bytes() == setup.include + b"\n"
    setup.set_up([])  # which does not forget whose file it is
    setup.remove()
    assert setup.files() == {}


def test_what_its_owner_has_put_in_meanwhile_is_kept(setup: Setup) -> None:
    setup.set_up()
    setup.config.write_bytes(setup.config.read_bytes() + b"Host a\n")
    setup.remove()

    assert {name: entry[3] for name, entry in setup.files().items()} == {"config": b"Host a\n"}


def test_an_empty_file_of_the_users_stays_an_empty_file(setup: Setup) -> None:
    setup.config.touch()
    setup.set_up()
    setup.remove()

    assert setup.config.read_bytes() == b""


def test_thousands_of_hosts_are_read_again(setup: Setup) -> None:
    project, space = "p" * 63, "s" * 63
    hosts = [
        KnownHost(f"{n:08}.{project}.codecatalyst", ID, f"{n:08}", project, space)
        for n in range(MOST_NAMES - 1)
    ]
    setup.set_up(hosts)
    assert len(setup.ours.read_bytes()) > 1 << 20
    began = time.process_time()
    lines = list(setup.set_up([*hosts, WEB]).changes[0].diff())
    assert [line for line in lines if line.startswith("-")] == [f"--- {setup.ours}"]
    assert time.process_time() - began < 5
    setup.assert_works()
    setup.remove()
    assert setup.files() == {}


def test_to_remove_what_is_not_there_changes_nothing(setup: Setup) -> None:
    assert not any(change.is_one for change in setup.remove().changes)
    setup.config.write_bytes(b"Host a\n")
    before = setup.files()
    setup.remove()
    assert setup.files() == before


# Our line, as others have written or moved it


def test_a_line_that_works_where_its_owner_has_moved_it_stays_there(setup: Setup) -> None:
    text = b"# mine\nServerAliveInterval 9\n" + setup.include + b"\nHost a\n  User x\n"
    setup.config.write_bytes(text)
    setup.set_up()

    assert setup.config.read_bytes() == text
    setup.assert_works()


@pytest.mark.parametrize("above", [b"Host a\n  User x\n", b"Match all\n", b"User x\n"])
def test_a_line_that_does_not_work_where_it_is_goes_to_the_top(setup: Setup, above: bytes) -> None:
    setup.config.write_bytes(above + setup.include + b"\n  Port 9\n")
    setup.set_up()

    assert setup.config.read_bytes() == setup.include + b"\n" + above + b"  Port 9\n"
    setup.assert_works()


def test_of_two_lines_one_is_left_and_of_none_it_is_taken_out(setup: Setup) -> None:
    rest = b"Host a\n  User x\n"
    setup.config.write_bytes(setup.include + b"\n" + rest + setup.include)
    setup.set_up()
    assert setup.config.read_bytes() == setup.include + b"\n" + rest

    setup.config.write_bytes(setup.include + b"\n" + rest + setup.include)
    setup.remove()
    assert setup.config.read_bytes() == rest


def test_a_line_of_ours_in_other_words_is_ours(setup: Setup) -> None:
    text = f"include = '{setup.directory}/../dot ssh/codecatalyst_config' # mine\n".encode()
    setup.config.write_bytes(text)
    setup.set_up()
    assert setup.config.read_bytes() == text
    setup.assert_works()

    setup.remove()
    assert setup.config.read_bytes() == b""


def test_a_line_that_includes_others_too_is_left_for_its_owner(setup: Setup) -> None:
    text = b"Include /nowhere " + setup.include.removeprefix(b"Include ") + b"\n"
    setup.config.write_bytes(text)
    setup.set_up()
    assert setup.config.read_bytes() == text

    with pytest.raises(ConfigError, match=r"Line 1 of .*config includes .* and others"):
        setup.remove()
    assert setup.ours.exists()


# The list of hosts


def test_hosts_stay_when_nobody_can_be_asked_and_go_when_they_are_gone(setup: Setup) -> None:
    other = KnownHost("Db.My.Project.codecatalyst", ID.replace("0", "f"), "Db", "My.Project", "S")
    setup.set_up([WEB, other])
    full = setup.ours.read_text()
    assert full.index("\nHost Db.My") < full.index("\nHost web.")
    assert not any(change.is_one for change in setup.plan(None).changes)
    assert setup.ask(other.name).value("hostkeyalias") == f"codecatalyst-{other.id}"

    moved = setup.plan(None, COMMAND.replace("/opt/", "/usr/"))
    moved.make()
    assert setup.ours.read_text() == full.replace("/opt/", "/usr/")

    setup.set_up([other])
    assert "web." not in setup.ours.read_text()
    setup.set_up([])
    start, end = full.index("# Dev Environments by name"), full.index("# All other names")
    assert setup.ours.read_text() == full[:start] + full[end:]


def test_a_host_is_found_as_it_is_typed(setup: Setup) -> None:
    """ssh compares with the name before it writes it in lower case."""
    host = KnownHost("Web.My.codecatalyst", ID, "Web", "My", "Space")
    setup.set_up([host])

    assert setup.ask(host.name).value("hostkeyalias") == f"codecatalyst-{ID}"
    assert setup.ask(host.name.lower()).value("proxycommand") == COMMAND


def test_what_the_service_says_cannot_leave_its_comment(setup: Setup) -> None:
    bad = "x\nHost *\n  ProxyCommand evil\r\u2028\x1b[2J"
    setup.set_up([KnownHost("web.codecatalyst", ID, bad, bad, bad)])

    setup.assert_works()
    assert setup.ask("a").value("proxycommand") is None
    for host in (WEB._replace(name="web *"), WEB._replace(id=f"{ID}\n  ProxyCommand evil")):
        with pytest.raises(ValueError, match="cannot be written"):
            setup.set_up([host])


def test_what_is_set_is_what_the_example_and_connector_ssh_set(setup: Setup) -> None:
    setup.set_up()
    other = setup.directory / "other"
    other.write_text(client.configuration("/nowhere", "/nowhere"))
    keywords = ["user", "connecttimeout", "serveraliveinterval", "serveralivecountmax"]
    keywords += ["stricthostkeychecking", "userknownhostsfile", "proxyusefdpass"]

    ours, *others = (
        [setup.client.ask(config, BY_AWS).value(keyword) for keyword in keywords]
        for config in (setup.config, other, EXAMPLE)
    )
    assert others == [ours, ours]
    assert None not in ours


def test_a_diff_shows_what_changes() -> None:
    change = Change(Path("/x/config"), b"Host caf\xe9\r\n", b"Include y\r\nHost caf\xe9\r\n")

    assert list(change.diff()) == [
        "--- /x/config",
        "+++ /x/config",
        "@@ -1 +1,2 @@",
        "+Include y",
        " Host caf\ufffd",
    ]
    assert list(Change(Path("/x"), b"", b"").diff()) == []
    assert next(Change(Path("/x"), None, b"a").diff()) == "--- /dev/null"


# Names that ssh looks up in DNS

CANONICALIZE = b"""\
Host *.corp.example
    User ops
    ProxyJump bastion.corp.example
    ForwardAgent yes

Match canonical all
    ForwardAgent yes

Match all
    CanonicalizeHostname always
    CanonicalDomains invalid
    CanonicalizeMaxDots 9
"""


@pytest.mark.parametrize("fallback", [b"yes", b"no"])
def test_our_names_are_not_canonicalized(setup: Setup, fallback: bytes) -> None:
    """DNS does not know them; and what a second reading adds is for hosts that it knows."""
    setup.config.write_bytes(CANONICALIZE + b"    CanonicalizeFallbackLocal " + fallback + b"\n")
    host = setup.ask(WEB.name)
    assert (host.value("forwardagent"), bool(host.settings)) == (
        ("yes", True) if fallback == b"yes" else (None, False)
    )
    setup.set_up()

    setup.assert_works()
    for name in (WEB.name, "x.y.codecatalyst", BY_AWS):
        assert setup.ask(name).value("forwardagent") == "no"
        assert setup.ask(name).value("canonicalizehostname") == "false"
    setup.remove()
    assert b"Include" not in setup.config.read_bytes()


def test_a_line_below_canonicalize_hostname_goes_to_the_top(setup: Setup) -> None:
    """Where it is, the value above it would hold for our names."""
    rest = b"CanonicalizeHostname always\n"
    setup.config.write_bytes(rest + setup.include + b"\n")
    setup.set_up()

    assert setup.config.read_bytes() == setup.include + b"\n" + rest
    setup.assert_works()


def test_a_host_like_awss_names_that_would_be_captured_is_refused(setup: Setup) -> None:
    text = b"Host codecatalyst-dev-envoy\n  User x\n"
    setup.config.write_bytes(text)

    with pytest.raises(ConfigError, match="something else for codecatalyst-dev-envoy"):
        setup.set_up()
    assert setup.config.read_bytes() == text


def test_a_file_of_an_earlier_version_gets_literal_commands(setup: Setup) -> None:
    """Also when the service cannot be asked, and with the profile that it names."""
    old = (
        "# Amazon CodeCatalyst Dev Environments: written by `connector config-ssh`.\n#\n"
        f"Host *.codecatalyst codecatalyst-dev-env=* aws-devenv-*\n    User mde-user\n"
        f"    ProxyCommand {COMMAND}\n\n"
        "# Dev Environments, for programs that offer a list of hosts.\n\n"
        f"# web, of the project My.Project in the space Space\nHost {WEB.name}\n"
        f"    HostKeyAlias codecatalyst-{ID}\n"
    )
    setup.ours.write_text(old)
    assert current_proxy_command(setup.places) == COMMAND
    setup.set_up(None)

    setup.assert_works()
    assert "dev-env=" not in setup.ours.read_text()
    assert current_proxy_command(setup.places) == COMMAND
    once = setup.ours.read_bytes()
    setup.set_up([WEB])
    assert setup.ours.read_bytes() == once


def test_of_too_many_names_the_best_are_listed(setup: Setup) -> None:
    hosts = [KnownHost(f"h{n}.codecatalyst", ID, "h", "P", "S") for n in range(MOST_NAMES + 9)]
    setup.set_up(hosts)

    assert setup.ours.read_text().count("\nHost ") == MOST_NAMES + 1
    answer = setup.ask(hosts[-1].name)
    assert (answer.value("proxycommand"), answer.value("hostkeyalias")) == (COMMAND, None)

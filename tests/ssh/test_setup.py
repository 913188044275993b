"""Setting up and removing the connector in many configurations, with ``ssh -G`` as the judge."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from connector.errors import ConfigError
from connector.ssh import client, config
from connector.ssh.change import Change
from connector.ssh.check import ANY_HOST
from connector.ssh.include import MOST_NAMES, NamedHost
from connector.ssh.plan import Part, plan_setup
from connector.targets.codecatalyst.kind import KIND

from ..endtoend.commands import EXAMPLE
from .setups import BY_AWS, CHOICES, COMMAND, ID, OTHER, WEB, Setup, host_patterns

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
    """Write one of the configurations and return it."""
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
    included = ["one", "two", "three"] if b"config.d" in text else []
    others = ["a", "b", *included, ANY_HOST]
    theirs = (name for name in [*literal[:5], *others] if "codecatalyst" not in name)
    return list(dict.fromkeys(theirs))


def test_setup_works_and_its_removal_restores_every_file(setup: Setup, before: bytes) -> None:
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

    again = plan_setup([Part(KIND.ssh, setup.places, CHOICES, [WEB])], None)
    assert not any(change.differs for change in again.changes)

    setup.remove()
    left = setup.files()
    assert {name: entry[3] for name, entry in left.items()} == {
        name: entry[3] for name, entry in untouched.items()
    }
    assert left["config"][:2] == untouched["config"][:2]


def test_second_setup_that_ssh_checks_changes_nothing(setup: Setup) -> None:
    setup.config.write_bytes(CONFIGS["everything for all"])
    setup.set_up()
    once = setup.files()
    assert not any(change.differs for change in setup.set_up().changes)
    assert setup.files() == once


def test_removal_deletes_a_configuration_that_setup_created(setup: Setup) -> None:
    setup.directory.rmdir()
    setup.set_up()

    setup.assert_works()
    assert setup.directory.stat().st_mode & 0o777 == 0o700
    assert setup.config.read_bytes() == setup.include + b"\n"
    setup.set_up([])  # which still records that setup created the file
    setup.remove()
    assert setup.files() == {}


def test_removal_keeps_what_the_user_added_to_a_created_file(setup: Setup) -> None:
    setup.set_up()
    setup.config.write_bytes(setup.config.read_bytes() + b"Host a\n")
    setup.remove()

    assert {name: entry[3] for name, entry in setup.files().items()} == {"config": b"Host a\n"}


def test_removal_keeps_an_empty_file_of_the_user(setup: Setup) -> None:
    setup.config.touch()
    setup.set_up()
    setup.remove()

    assert setup.config.read_bytes() == b""


def test_thousands_of_hosts_are_written_and_read_again(setup: Setup) -> None:
    project, space = "p" * 63, "s" * 63
    hosts = [
        NamedHost(f"{n:08}.{project}.codecatalyst", f"codecatalyst-{ID}", f"{project}{space}")
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


def test_removal_without_a_setup_changes_nothing(setup: Setup) -> None:
    assert not any(change.differs for change in setup.remove().changes)
    setup.config.write_bytes(b"Host a\n")
    before = setup.files()
    setup.remove()
    assert setup.files() == before


# Our line in other places and forms


def test_moved_line_that_works_stays_where_it_is(setup: Setup) -> None:
    text = b"# mine\nServerAliveInterval 9\n" + setup.include + b"\nHost a\n  User x\n"
    setup.config.write_bytes(text)
    setup.set_up()

    assert setup.config.read_bytes() == text
    setup.assert_works()


@pytest.mark.parametrize("above", [b"Host a\n  User x\n", b"Match all\n", b"User x\n"])
def test_moved_line_that_does_not_work_goes_to_the_top(setup: Setup, above: bytes) -> None:
    setup.config.write_bytes(above + setup.include + b"\n  Port 9\n")
    setup.set_up()

    assert setup.config.read_bytes() == setup.include + b"\n" + above + b"  Port 9\n"
    setup.assert_works()


def test_duplicate_line_is_removed(setup: Setup) -> None:
    rest = b"Host a\n  User x\n"
    setup.config.write_bytes(setup.include + b"\n" + rest + setup.include)
    setup.set_up()
    assert setup.config.read_bytes() == setup.include + b"\n" + rest

    setup.config.write_bytes(setup.include + b"\n" + rest + setup.include)
    setup.remove()
    assert setup.config.read_bytes() == rest


def test_line_in_another_form_is_recognised(setup: Setup) -> None:
    text = f"include = '{setup.directory}/../dot ssh/codecatalyst_config' # mine\n".encode()
    setup.config.write_bytes(text)
    setup.set_up()
    assert setup.config.read_bytes() == text
    setup.assert_works()

    setup.remove()
    assert setup.config.read_bytes() == b""


def test_line_that_includes_other_files_too_is_not_removed(setup: Setup) -> None:
    text = b"Include /nowhere " + setup.include.removeprefix(b"Include ") + b"\n"
    setup.config.write_bytes(text)
    setup.set_up()
    assert setup.config.read_bytes() == text

    with pytest.raises(ConfigError, match=r"Line 1 of .*config includes .* and other files"):
        setup.remove()
    assert setup.ours.exists()


# The list of hosts


def test_unknown_hosts_stay_and_deleted_hosts_go(setup: Setup) -> None:
    other = OTHER
    setup.set_up([WEB, other])
    full = setup.ours.read_text()
    assert full.index("\nHost Db.My") < full.index("\nHost web.")
    assert not any(change.differs for change in setup.plan(None).changes)
    assert setup.ask(other.name).value("hostkeyalias") == other.host_key_alias

    command = COMMAND.replace("/opt/", "/usr/")
    moved = setup.plan(None, CHOICES._replace(proxy_command=command))
    moved.make()
    assert setup.ours.read_text() == full.replace("/opt/", "/usr/")

    setup.set_up([other])
    assert "web." not in setup.ours.read_text()
    setup.set_up([])
    start, end = full.index("# Dev Environments by name"), full.index("# All other names")
    assert setup.ours.read_text() == full[:start] + full[end:].replace(" other", "", 1)


def test_section_applies_to_the_name_as_typed(setup: Setup) -> None:
    """ssh compares Host lines with the name before it converts it to lower case."""
    host = WEB._replace(name="Web.My.codecatalyst")
    setup.set_up([host])

    assert setup.ask(host.name).value("hostkeyalias") == f"codecatalyst-{ID}"
    assert setup.ask(host.name.lower()).value("proxycommand") == COMMAND


def test_text_of_the_service_cannot_leave_its_comment(setup: Setup) -> None:
    bad = "x\nHost *\n  ProxyCommand evil\r\u2028\x1b[2J"
    setup.set_up([WEB._replace(about=bad)])

    setup.assert_works()
    assert setup.ask("a").value("proxycommand") is None
    for host in (WEB._replace(name="web *"), WEB._replace(host_key_alias="a\n  ProxyCommand evil")):
        with pytest.raises(ValueError, match="cannot be written"):
            setup.set_up([host])


def test_config_ssh_connector_ssh_and_the_example_set_the_same(setup: Setup) -> None:
    setup.set_up()
    other = setup.directory / "other"
    other.write_text(client.configuration(KIND.ssh, KIND.ssh.user, "/nowhere", "/nowhere"))
    keywords = ["user", "connecttimeout", "serveraliveinterval", "serveralivecountmax"]
    keywords += ["stricthostkeychecking", "userknownhostsfile", "compression"]

    ours, *others = (
        [setup.client.ask(config, BY_AWS).value(keyword) for keyword in keywords]
        for config in (setup.config, other, EXAMPLE)
    )
    assert others == [ours, ours]
    assert None not in ours
    for path in (setup.config, EXAMPLE):
        assert setup.client.ask(path, BY_AWS).value("proxyusefdpass") == "yes"


def test_diff_shows_what_changes() -> None:
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


def test_setup_that_captures_a_host_of_the_user_is_refused(setup: Setup) -> None:
    text = b"Host codecatalyst-dev-envoy\n  User x\n"
    setup.config.write_bytes(text)

    with pytest.raises(ConfigError, match="settings of codecatalyst-dev-envoy"):
        setup.set_up()
    assert setup.config.read_bytes() == text


def test_first_names_of_too_many_are_listed(setup: Setup) -> None:
    hosts = [WEB._replace(name=f"h{n}.codecatalyst") for n in range(MOST_NAMES + 9)]
    setup.set_up(hosts)

    assert setup.ours.read_text().count("\nHost ") == MOST_NAMES + 1
    answer = setup.ask(hosts[-1].name)
    assert (answer.value("proxycommand"), answer.value("hostkeyalias")) == (COMMAND, None)

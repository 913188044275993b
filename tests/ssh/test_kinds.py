"""Two kinds of target in one configuration, each with an included file of its own."""

from __future__ import annotations

import pytest

from connector.errors import ConfigError
from connector.ssh.change import Change
from connector.ssh.command import for_name, proxy_command
from connector.ssh.facts import SshFacts
from connector.ssh.include import Choices, NamedHost, render
from connector.ssh.places import find_places
from connector.ssh.plan import Part, Plan, plan_removal, plan_setup
from connector.targets.codecatalyst.kind import KIND

from .setups import CHOICES, WEB, Setup

BOATS = SshFacts(
    title="Boats",
    nouns="boats",
    patterns=("*.boat", "boat-*"),
    examples=("a.boat", "boat-b"),
    suffix=".boat",
    service_prefixes=("boat-",),
    user="sailor",
    known_hosts="~/.ssh/known_hosts_boats",
    file_prefix="boats_",
)
COMMAND = proxy_command(["/opt/connector"], None)
ANNA = NamedHost("anna.boat", "boat-1", "anna, a ketch")


def boats_of(setup: Setup) -> Part:
    choices = Choices(COMMAND, fdpass=True, compression=True, wait=60.0)
    return Part(BOATS, find_places(BOATS, str(setup.config)), choices, [ANNA])


def both(setup: Setup) -> list[Part]:
    return [Part(KIND.ssh, setup.places, CHOICES, [WEB]), boats_of(setup)]


def plan_both(setup: Setup) -> Plan:
    return plan_setup(both(setup), setup.client)


def remove_both(setup: Setup) -> Plan:
    return plan_removal([(part.facts, part.places) for part in both(setup)])


def set_up_boats(setup: Setup) -> tuple[Change, ...]:
    plan = plan_setup([boats_of(setup)], setup.client)
    plan.make()
    return plan.changes


def assert_boats_work(setup: Setup) -> None:
    for host in (ANNA.name, "other.boat", "boat-x"):
        answer = setup.ask(host)
        expected = for_name(COMMAND, host) if host == ANNA.name else COMMAND
        assert (answer.value("user"), answer.value("proxycommand")) == ("sailor", expected)
        assert answer.value("connecttimeout") == "120"
    assert setup.ask(ANNA.name).value("hostkeyalias") == "boat-1"


def test_two_kinds_are_set_up_and_removed_independently(setup: Setup) -> None:
    mine = b"Host a\n  User x\n"
    setup.config.write_bytes(mine)
    setup.set_up()
    set_up_boats(setup)

    setup.assert_works()
    assert_boats_work(setup)
    assert not any(change.differs for change in setup.plan().changes)
    assert not any(change.differs for change in set_up_boats(setup))
    setup.remove()
    assert setup.ask(WEB.name).value("proxycommand") is None
    assert_boats_work(setup)

    plan_removal([(BOATS, find_places(BOATS, str(setup.config)))]).make()
    assert contents(setup) == {"config": mine}


def contents(setup: Setup) -> dict[str, bytes]:
    return {name: entry[3] for name, entry in setup.files().items()}


def test_one_plan_changes_the_users_file_once(setup: Setup) -> None:
    mine = b"Host a\n  User x\n"
    setup.config.write_bytes(mine)
    plan = plan_both(setup)
    names = [change.path.name for change in plan.changes]
    assert names == ["codecatalyst_config", "boats_config", "config"]
    plan.make()

    boats = setup.include.replace(b"codecatalyst_", b"boats_")
    assert setup.config.read_bytes() == setup.include + b"\n" + boats + b"\n" + mine
    setup.assert_works()
    assert_boats_work(setup)
    assert not any(change.differs for change in plan_both(setup).changes)
    remove_both(setup).make()
    assert contents(setup) == {"config": mine}


def test_one_plan_removes_a_file_that_it_created(setup: Setup) -> None:
    plan_both(setup).make()
    assert setup.config.exists()
    remove_both(setup).make()
    assert contents(setup) == {}

    plan_both(setup).make()
    setup.remove()  # of one kind only
    assert_boats_work(setup)
    remove_both(setup).make()
    assert contents(setup) == {}


def test_kind_that_is_new_leaves_the_lines_of_the_others_in_place(setup: Setup) -> None:
    mine = b"# mine\nServerAliveInterval 9\n" + setup.include + b"\nHost a\n  User x\n"
    setup.config.write_bytes(mine)
    plan_both(setup).make()

    boats = setup.include.replace(b"codecatalyst_", b"boats_")
    assert setup.config.read_bytes() == boats + b"\n" + mine
    setup.assert_works()
    assert_boats_work(setup)


def test_all_lines_go_to_the_top_if_one_of_them_does_not_work(setup: Setup) -> None:
    rest = b"User x\nHost a\n"
    setup.config.write_bytes(b"User x\n" + setup.include + b"\nHost a\n")
    plan_both(setup).make()

    boats = setup.include.replace(b"codecatalyst_", b"boats_")
    assert setup.config.read_bytes() == setup.include + b"\n" + boats + b"\n" + rest
    setup.assert_works()
    assert_boats_work(setup)


def test_one_line_may_include_the_files_of_both_kinds(setup: Setup) -> None:
    both_files = setup.include + b' "' + bytes(boats_of(setup).places.ours) + b'"\n'
    setup.config.write_bytes(both_files)
    plan_both(setup).make()

    assert setup.config.read_bytes() == both_files
    setup.assert_works()
    assert_boats_work(setup)
    remove_both(setup).make()
    assert contents(setup) == {"config": b""}


def test_notes_of_one_plan_are_not_repeated(setup: Setup) -> None:
    setup.config.write_text(
        "Host *\n  ControlPath ~/%C\n  ControlPersist yes\n"
        "Host aws-devenv-*\n  User x\nHost *.boat\n  User y\n"
    )
    notes = plan_both(setup).notes

    assert [note.partition(":")[0] for note in notes] == [
        "Host aws-devenv-* stays as it is, but the connector's settings come first and win",
        "Host *.boat stays as it is, but the connector's settings come first and win",
        "ControlPersist applies to Dev Environments and boats",
    ]


def test_host_of_the_user_that_one_kind_would_capture_is_left_alone(setup: Setup) -> None:
    setup.config.write_bytes(b"Host boat-mine codecatalyst-dev-envoy\n  User x\n")
    with pytest.raises(ConfigError, match="settings of codecatalyst-dev-envoy"):
        plan_both(setup)


def test_target_without_a_description_has_no_comment(setup: Setup) -> None:
    setup.set_up([WEB._replace(about=" \n")])
    lines = setup.ours.read_text().splitlines()

    assert lines[lines.index(f"Host {WEB.name}") - 1] == ""
    assert "# " not in lines
    assert not any(change.differs for change in setup.plan(None).changes)


def test_user_of_some_targets_is_no_rule_for_all(setup: Setup) -> None:
    facts = BOATS._replace(user="root", user_of="most images")
    text = render(facts, CHOICES, [], None, created_config=False).decode()

    assert "# All names of" in text
    assert "# The user of most images. Name another one as in user@host.\n    User root\n" in text
    assert facts.expects("mary")
    assert not facts._replace(user_of="").expects("mary")


def test_comments_use_the_words_of_the_kind(setup: Setup) -> None:
    set_up_boats(setup)
    text = (setup.directory / "boats_config").read_text()

    assert text.startswith("# Boats: written by `connector config-ssh`.\n")
    assert "# All other names of boats." in text
    assert "\n# anna, a ketch\nHost anna.boat\n" in text
    assert "CodeCatalyst" not in text
    assert "Dev Environment" not in text

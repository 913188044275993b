"""Two kinds of target in one configuration, each with an included file of its own."""

from __future__ import annotations

from connector.ssh.change import Change
from connector.ssh.command import for_name, proxy_command
from connector.ssh.facts import SshFacts
from connector.ssh.include import NamedHost
from connector.ssh.places import find_places
from connector.ssh.plan import plan_removal, plan_setup

from .setups import WEB, Setup

BOATS = SshFacts(
    title="Boats",
    nouns="boats",
    patterns=("*.boat", "boat=*"),
    examples=("a.boat", "boat=b"),
    suffix=".boat",
    service_prefixes=("boat=",),
    user="sailor",
    known_hosts="~/.ssh/known_hosts_boats",
    file_prefix="boats_",
)
COMMAND = proxy_command(["/opt/connector"], None)
ANNA = NamedHost("anna.boat", "boat-1", "anna, a ketch")


def set_up_boats(setup: Setup) -> tuple[Change, ...]:
    places = find_places(BOATS, str(setup.config))
    plan = plan_setup(BOATS, places, COMMAND, [ANNA], setup.client, wait=60.0)
    plan.make()
    return plan.changes


def assert_boats_work(setup: Setup) -> None:
    for host in (ANNA.name, "other.boat", "boat=x"):
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

    plan_removal(BOATS, find_places(BOATS, str(setup.config))).make()
    assert {name: entry[3] for name, entry in setup.files().items()} == {"config": mine}


def test_comments_use_the_words_of_the_kind(setup: Setup) -> None:
    set_up_boats(setup)
    text = (setup.directory / "boats_config").read_text()

    assert text.startswith("# Boats: written by `connector config-ssh`.\n")
    assert "# All other names of boats." in text
    assert "\n# anna, a ketch\nHost anna.boat\n" in text
    assert "CodeCatalyst" not in text
    assert "Dev Environment" not in text

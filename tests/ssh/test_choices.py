"""Settings that a setup chooses, those of earlier versions, and those of the user."""

from __future__ import annotations

import pytest

from connector.ssh.include import compression_of, proxy_command_of, render
from connector.ssh.plan import read_ours
from connector.targets.codecatalyst.kind import KIND

from .setups import BY_AWS, CHOICES, COMMAND, ID, WEB, Setup

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
    """DNS does not know them, and ssh must not read its configuration twice for them."""
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


def test_line_below_canonicalize_hostname_goes_to_the_top(setup: Setup) -> None:
    """Below it, the user's value would apply to our names."""
    rest = b"CanonicalizeHostname always\n"
    setup.config.write_bytes(rest + setup.include + b"\n")
    setup.set_up()

    assert setup.config.read_bytes() == setup.include + b"\n" + rest
    setup.assert_works()


def test_file_of_an_earlier_version_gets_literal_commands(setup: Setup) -> None:
    """Its hosts and its profile are kept when the service cannot be asked."""
    old = (
        "# Amazon CodeCatalyst Dev Environments: written by `connector config-ssh`.\n#\n"
        f"Host *.codecatalyst codecatalyst-dev-env=* aws-devenv-*\n    User mde-user\n"
        f"    ProxyCommand {COMMAND}\n\n"
        "# Dev Environments, for programs that offer a list of hosts.\n\n"
        f"# web, of the project My.Project in the space Space\nHost {WEB.name}\n"
        f"    HostKeyAlias codecatalyst-{ID}\n"
    )
    setup.ours.write_text(old)
    assert proxy_command_of(read_ours(KIND.ssh, setup.places)) == COMMAND
    setup.set_up(None)

    setup.assert_works()
    assert "dev-env=" not in setup.ours.read_text()
    assert proxy_command_of(read_ours(KIND.ssh, setup.places)) == COMMAND
    once = setup.ours.read_bytes()
    setup.set_up([WEB])
    assert setup.ours.read_bytes() == once


def test_removal_recognises_a_configuration_that_an_earlier_version_created(setup: Setup) -> None:
    setup.set_up()
    lines = setup.ours.read_text().splitlines()
    (number,) = (n for n, line in enumerate(lines) if "also created the file" in line)
    lines[number] = "# The file that includes this one was not there, and was made with it."
    setup.ours.write_text("\n".join(lines))
    setup.set_up([])  # keeps the record
    setup.remove()

    assert setup.files() == {}


#: What version 0.1 wrote, without comments.
SETTINGS = f"""\
Host web.codecatalyst
    HostKeyAlias codecatalyst-{ID}
    User mde-user
    ProxyCommand {COMMAND.removesuffix("%n")}web.codecatalyst
    ProxyUseFdpass no
    CanonicalizeHostname no
    ConnectTimeout 660
    ServerAliveInterval 15
    ServerAliveCountMax 3
    StrictHostKeyChecking accept-new
    UserKnownHostsFile ~/.ssh/known_hosts_codecatalyst
Host *.codecatalyst codecatalyst-dev-env* aws-devenv-*
    User mde-user
    ProxyCommand {COMMAND}
    ProxyUseFdpass no
    CanonicalizeHostname no
    ConnectTimeout 660
    ServerAliveInterval 15
    ServerAliveCountMax 3
    StrictHostKeyChecking accept-new
    UserKnownHostsFile ~/.ssh/known_hosts_codecatalyst
"""


@pytest.mark.parametrize("fdpass", [True, False])
@pytest.mark.parametrize("compression", [True, False])
def test_choices_add_two_settings_to_those_of_earlier_versions(
    fdpass: bool, compression: bool
) -> None:
    choices = CHOICES._replace(fdpass=fdpass, compression=compression)
    text = render(KIND.ssh, choices, [WEB], None, created_config=False).decode()
    lines = [line for line in text.splitlines() if line.strip() and "#" not in line[:5]]

    expected = SETTINGS.replace("Fdpass no", "Fdpass yes") if fdpass else SETTINGS
    if compression:
        expected = expected.replace("Max 3\n", "Max 3\n    Compression yes\n")
    assert lines == expected.splitlines()
    assert max(map(len, text.splitlines())) <= 100
    assert "\n\n\n" not in text


@pytest.mark.parametrize("compression", [True, False])
def test_choice_about_compression_can_be_read_again(setup: Setup, compression: bool) -> None:
    setup.plan(choices=CHOICES._replace(compression=compression)).make()
    assert compression_of(read_ours(KIND.ssh, setup.places)) is compression
    assert setup.ask(WEB.name).value("compression") == ("yes" if compression else "no")


def test_file_of_an_earlier_version_gets_compression() -> None:
    text = render(KIND.ssh, CHOICES, [WEB], None, created_config=False).decode()
    old = "".join(line for line in text.splitlines(True) if "ompress" not in line)
    assert compression_of(old.encode())
    assert compression_of(None)


def test_user_may_refuse_descriptors_above_our_line(setup: Setup) -> None:
    """The connector serves both, so that the line stays where the user moved it."""
    text = b"ProxyUseFdpass no\nCompression no\n" + setup.include + b"\n"
    setup.config.write_bytes(text)
    setup.set_up()
    assert setup.config.read_bytes() == text

    setup.config.write_bytes(text.replace(b"no", b"yes"))
    setup.plan(choices=CHOICES._replace(fdpass=False)).make()
    assert setup.config.read_bytes().startswith(setup.include)  # this ssh cannot take any

"""The connector's parser of ssh_config against OpenSSH's, with generated lines and files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connector.errors import ConfigError
from connector.ssh.check import NO_FILE
from connector.ssh.config import includes, parse

from ..endtoend.sshd import program
from .setups import Setup

WORDS = st.sampled_from(
    ["a", "b", '"a"', "'a'", '"a b"', "'b a'", 'x"a"', '"a"x', "a#b", "# a", "#a", "\\ a", 'a\\"']
)
BLANKS = st.sampled_from([" ", "\t", "  ", " \t "])
HOST_LINES = st.builds(
    lambda start, keyword, between, words, end: start + keyword + between + words + end,
    st.sampled_from(["", " ", "\t", "\r"]),
    st.sampled_from(["Host", "host", "HOST", '"Host"', "Hosts", "Hos"]),
    st.sampled_from([" ", "\t", "=", " = ", " =", "= ", "==", '"', ""]),
    st.lists(st.tuples(WORDS, BLANKS).map("".join), min_size=1, max_size=4).map("".join),
    st.sampled_from(["", " ", "\r", "\t\r", "\f"]),
)


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    program("ssh")
    return Setup(tmp_path_factory.mktemp("ssh"))


@settings(max_examples=50, deadline=None)
@given(HOST_LINES)
def test_host_line_names_the_same_hosts_as_for_ssh(setup: Setup, line: str) -> None:
    """The installed OpenSSH decides about quotes, comments and backslashes."""
    setup.config.write_text(f"{line}\n  User marker\n", newline="")
    answer = setup.ask("a")
    assume(answer.settings)
    first, *others = parse(setup.config.read_bytes())
    # Both must skip the same lines. If the first one is skipped, User applies to all hosts.
    expected = not others or (first.keyword == "host" and "a" in first.words)

    assert (answer.value("user") == "marker") is expected


FILES = st.lists(
    st.sampled_from(
        [
            *(
                "Host a\n",
                "Host *\r\n",
                "Host !a *\n",
                'Host "a"\n',
                "Match all\n",
                "Match host a\n",
            ),
            *("Match final all\n", "  User x\n", "\tUser y\r\n", "Port 9\n", "ProxyJump j\n"),
            *(
                "ProxyCommand none\n",
                "HostKeyAlias k\n",
                "IdentityFile ~/x\n",
                "ForwardAgent yes\n",
            ),
            *(
                "# OURS\n",
                "\n",
                "\r\n",
                "Include OURS\n",
                "include=OURS\r\n",
                "Include /nowhere/*\n",
            ),
            *("CanonicalizeHostname always\n", "SetEnv A=b\n", "ControlPath ~/%C\n", "Tunnel yes"),
        ]
    ),
    max_size=8,
).map("".join)


@settings(max_examples=16, deadline=None)
@given(FILES)
def test_setup_and_removal_restore_any_file(text: str) -> None:
    program("ssh")
    with tempfile.TemporaryDirectory() as directory:
        setup = Setup(Path(directory))
        before = text.replace("OURS", str(setup.ours)).encode()
        setup.config.write_bytes(before)
        said = [setup.ask(host) for host in ("a", "b")]
        try:
            setup.set_up()
        except ConfigError:
            assert setup.config.read_bytes() == before
            assert not setup.ours.exists()
            assert not all(answer.settings for answer in said)
            return
        setup.assert_works()
        assert [setup.ask(host).settings for host in ("a", "b")] == [one.settings for one in said]

        ours = [line.number for line in includes(before, setup.places.is_ours)]
        lines = before.splitlines(keepends=True)
        rest = b"".join(line for number, line in enumerate(lines, 1) if number not in ours)
        setup.remove()
        assert setup.config.read_bytes() == rest
        assert not setup.ours.exists()


def test_no_file_means_the_defaults_of_ssh(setup: Setup) -> None:
    setup.config.write_bytes(b"")
    assert setup.client.ask(NO_FILE, "a").settings == setup.ask("a").settings != ()

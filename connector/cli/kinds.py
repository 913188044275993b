"""The option ``--kind``, and the page of ``connector help KIND`` about one kind of target."""

from __future__ import annotations

import argparse

from ..errors import ConnectorError, NoLogin
from ..targets.registry import KINDS, KindRow

#: Columns of a page.
_WIDTH = 96


def add_kinds(parser: argparse.ArgumentParser, help: str) -> None:
    """Add the option that names one or more kinds; see :func:`kinds_of`."""
    parser.add_argument(
        "--kind",
        action="append",
        default=[],
        type=_kinds,
        metavar="KIND",
        help=f"{help}: {', '.join(row.name for row in KINDS)}; repeat it for more",
    )


def kinds_of(options: argparse.Namespace) -> list[str]:
    """Return the names of all kinds that were given, without duplicates."""
    return list(dict.fromkeys(name for names in options.kind for name in names))


def _kinds(text: str) -> list[str]:
    names = text.lower().split(",")
    for name in names:
        kind_named(name)
    return names


def kind_named(name: str) -> KindRow:
    """Return the row of the kind that an option names."""
    row = row_named(name)
    if row is None:
        known = ", ".join(row.name for row in KINDS)
        raise argparse.ArgumentTypeError(f"there is no kind {name!r}: there are {known}")
    return row


def row_named(name: str) -> KindRow | None:
    """Return the row of a kind, or None where there is no kind of this name."""
    return next((row for row in KINDS if row.name == name), None)


def no_credentials(no_login: NoLogin, no_keys: ConnectorError) -> NoLogin:
    """Return the error of a user who has neither a login nor AWS keys, in one line.

    :param no_login: why the first kind, which needs a login, cannot be used.
    :param no_keys: why the other kinds cannot be used.
    """
    why, login, keys = (
        f"{text[:1].lower()}{text[1:]}"
        for text in (no_keys.message, no_login.hint or "", no_keys.hint or "")
    )
    first = KINDS[0].words.nouns
    return NoLogin(f"{no_login.message}; {why}", f"For {first}, {login}; for other targets, {keys}")


def page(row: KindRow) -> str:
    """Return all that `connector help` says about one kind."""
    from textwrap import fill

    from ..settings.table import SETTINGS, type_of

    texts = row.load_help()
    options = []
    for option in row.options:
        metavar = "" if option.type == "flag" else type_of(option).metavar or option.dest.upper()
        told = SETTINGS[option.name].explained if option.variables else option.help
        told = told.replace("%%", "%")  # argparse would do so
        options.append((f"--{option.name} {metavar}".rstrip(), told))
    width = max((len(name) for name, _ in options), default=0) + 4
    lines = [
        fill(
            told,
            _WIDTH,
            initial_indent=f"  {name}".ljust(width),
            subsequent_indent=" " * width,
            break_on_hyphens=False,
        )
        + "\n"
        for name, told in options
    ]
    parts = (
        f"{row.name}: {row.words.nouns}{_of_service(row)}\n",
        texts.names,
        "".join(["options of this kind:\n", *lines] if lines else []),
        texts.listing,
        texts.access,
        _ssh_section(row),
    )
    return "\n".join(part for part in parts if part)


def _of_service(row: KindRow) -> str:
    words = row.words
    return "" if words.service in words.nouns else f" of {words.service}"


def _ssh_section(row: KindRow) -> str:
    """Return how ssh's configuration leads to targets, without what only makes it better."""
    facts = row.load().ssh
    user = f"    User {facts.user}\n" if facts.user else ""
    if facts.user_of:
        user = f"    # The user of {facts.user_of}. Name another one as in user@host.\n{user}"
    told = any(value == facts.known_hosts for _, value in facts.proxy_options)
    keys = f"    UserKnownHostsFile {facts.known_hosts}\n" if told else ""
    return (
        f"in ~/.ssh/config, which `connector config-ssh --kind {row.name}` writes for you:\n"
        f"  Host {' '.join(facts.patterns)}\n"
        f"{user}"
        f"    ProxyCommand connector proxy {' '.join((*facts.proxy_words, '%n'))}\n"
        f"{keys}"
    )

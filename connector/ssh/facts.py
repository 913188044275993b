"""What the SSH configuration has to know about one kind of target.

Everything in this package takes these facts as an argument. Each kind of target has an included
file of its own, so several kinds can be configured side by side.
"""

from __future__ import annotations

from ..fast.plain import is_id
from ..fast.records import NamedTuple


class PushedKey(NamedTuple):
    """How the user's public key gets to a target before ssh logs in.

    ``flag``: the name of the option by which the user asks for it. ``option``: the name of the one
        that tells a ProxyCommand the key. ``types``: of keys that the service takes.
    """

    flag: str
    option: str
    types: tuple[str, ...]


class SshFacts(NamedTuple):
    """The facts of one kind of target.

    ``title``: what the kind is called in the first line of the included file. The connector
        recognises its file by that line, so the title must never change.
    ``nouns``: what several targets are called in comments and notes.
    ``patterns``: the words of the kind's ``Host`` line. Together they match every host name of the
        kind. They must not contain "=": asyncssh, libssh and the npm package ssh-config end a
        word there, and a ``*`` after it would then match every host.
    ``examples``: one host name for each pattern; ssh is asked about them before a change.
    ``suffix``: the ending of a target's name as a host name, with its dot.
    ``service_prefixes``: the beginnings of the host names that the service itself defines. These
        names never get the suffix.
    ``user``: the user that every target expects; empty if that depends on the target.
    ``user_of``: the targets that expect this user, if others expect another.
    ``known_hosts``: the file for the targets' host keys, apart from the keys of servers.
    ``file_prefix``: the beginning of the included file's name.
    ``id_prefixes``: service names too, if an id follows, see :func:`is_id`.
    ``proxy_options``: names of options that tell a ProxyCommand what ssh does, and their values:
        a token that ssh replaces, as in ``port`` and ``%p``, or a path.
    ``pushed_key``: None where the service can push no key.
    """

    title: str
    nouns: str
    patterns: tuple[str, ...]
    examples: tuple[str, ...]
    suffix: str
    service_prefixes: tuple[str, ...]
    user: str
    known_hosts: str
    file_prefix: str
    id_prefixes: tuple[str, ...] = ()
    proxy_options: tuple[tuple[str, str], ...] = ()
    user_of: str = ""
    pushed_key: PushedKey | None = None

    def expects(self, user: str) -> bool:
        """Return whether a target may expect this user."""
        return bool(self.user_of) or self.user in ("", user)

    @property
    def proxy_words(self) -> tuple[str, ...]:
        """The words of ``proxy_options``, which no reader of ssh's configuration has to quote."""
        words: list[str] = []
        for name, value in self.proxy_options:
            # A shell replaces a "~" that begins a word.
            words += [f"--{name}", value] if value.startswith("%") else [f"--{name}={value}"]
        return tuple(words)

    def is_service_name(self, host: str) -> bool:
        """Return whether the service defines the form of this host name."""
        return host.startswith(self.service_prefixes) or any(
            is_id(host, prefix) for prefix in self.id_prefixes
        )

    def is_name(self, host: str) -> bool:
        """Return whether the connector resolves this host name to a target of this kind."""
        return host.endswith(self.suffix) or self.is_service_name(host)

    def host_word(self, name: str) -> str | None:
        """Return the host name of ssh for a target's name, adding the suffix if it is missing.

        :returns: ``None`` if the result would mean something else to ssh, a shell or a pattern.
        """
        if self.is_service_name(name):
            return name
        bare = name[: -len(self.suffix)] if name.lower().endswith(self.suffix) else name
        word = f"{bare}{self.suffix}"
        return word if is_plain(word) else None


def is_plain(word: str) -> bool:
    """Return whether ssh, a shell and a ``Host`` line all read the word as it stands."""
    # Without a regular expression: some callers are short of time.
    letters = word.translate(_WITHOUT_PUNCTUATION)
    return word[:1].isalnum() and letters.isalnum() and word.isascii()


def is_key_alias(word: str) -> bool:
    """Return whether ssh, and the readers of its files, take the word for a name of a host key.

    Ids of services have these characters: ``cluster/task``, ``arn:aws:…``.
    """
    return is_plain(word.translate(_AS_DASHES))


_AS_DASHES = str.maketrans(":/@+", "----")
_WITHOUT_PUNCTUATION = str.maketrans("", "", "._-")

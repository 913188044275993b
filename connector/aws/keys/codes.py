"""The codes of MFA that a user enters during a search for keys."""

from __future__ import annotations

from ..profile import Profile


class Codes:
    """Asks the user of an interactive command for codes.

    :param profile: whose keys are searched.
    :param may_ask: whether there is a user at a terminal.
    """

    def __init__(self, profile: Profile, may_ask: bool) -> None:
        self._profile = profile
        self._may_ask = may_ask
        self._kept: dict[str, str] = {}

    def ask(self, question: str) -> str:
        """Return a code: one that was kept, or else one that the user enters now.

        :raises CredentialsError: when there is no user or terminal, or the user enters nothing.
        """
        kept = self._kept.pop(question, None)
        if kept is not None:
            return kept
        if self._may_ask:
            from .terminal import ask_secret

            code = ask_secret(question)
            if code is not None:
                return code
        from .errors import no_code

        raise no_code(self._profile)

    def keep(self, question: str, code: str) -> None:
        """Keep a code whose call got no answer, for another try. A code serves one call."""
        self._kept[question] = code

"""One search for the keys of a profile: without botocore where that can be, else by its chain."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ...errors import CredentialsError
from ...fast.records import NamedTuple
from ...fast.typed import TYPE_CHECKING
from ..profile import Profile
from .codes import Codes
from .places import Command, Login, Role, place_of
from .source import AwsKeys, checked

if TYPE_CHECKING:
    from ..light import Connect
    from .places import Place
    from .programwait import ProgramWait


class Asked(NamedTuple):
    """What a search is for.

    :param profile: with the settings of the credentials file.
    :param environ: the variables of AWS's tools.
    :param connect: opens the connections.
    :param named: whether the option ``--profile`` named the profile.
    :param uses_cache: whether the AWS CLI's cache may have the keys of a role.
    :param new_wait: called before a program of a profile may run.
    :param now: return the seconds since the epoch.
    """

    profile: Profile
    environ: Mapping[str, str]
    connect: Connect
    named: bool
    uses_cache: bool
    new_wait: Callable[[], ProgramWait]
    now: Callable[[], float]


class Finder:
    """A search.

    :param may_ask: whether the user may be asked for a code of MFA.
    :param timeout: seconds, besides those of a user at a prompt and of a program.
    """

    def __init__(self, asked: Asked, may_ask: bool, timeout: float) -> None:
        self._asked = asked
        self._codes = Codes(asked.profile, may_ask)
        self._of_programs: dict[str, AwsKeys] = {}  # by the names of their profiles
        self._deadline = time.monotonic() + timeout

    def find(self) -> AwsKeys:
        """Return the keys.

        :raises NoKeys: when no source has any.
        :raises CredentialsError: when a source has expired, fails or is incomplete.
        :raises ConfigError: when the profile does not exist, or its settings are not usable.
        """
        keys = self.find_without_botocore()
        if keys is not None:
            return keys
        asked = self._asked
        from .chain import find_keys

        wait = asked.new_wait()
        keys = find_keys(
            asked.profile,
            asked.connect,
            named=asked.named,
            timeout=max(self._left, 0.1),
            uses_cache=asked.uses_cache,
            codes=self._codes,
            of_programs=self._of_programs,
            wait=wait,
        )
        wait.over()
        return keys

    def find_without_botocore(self) -> AwsKeys | None:
        """Return the keys, or None if botocore has to be asked. The errors are those of find()."""
        place = place_of(self._asked.profile, self._asked.environ, named=self._asked.named)
        return None if place is None else self._keys_at(place)

    @property
    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _keys_at(self, place: Place) -> AwsKeys | None:
        """Return the keys, or None if botocore has to be asked."""
        now = self._asked.now()
        if isinstance(place, AwsKeys):
            if place.expires_at is not None and place.expires_at <= now:
                raise CredentialsError(
                    "The AWS keys in the variables have expired (AWS_CREDENTIAL_EXPIRATION)",
                    "Set new ones, or unset AWS_ACCESS_KEY_ID to use a profile",
                )
            return place
        if isinstance(place, Role):
            return self._keys_of_role(place)
        if isinstance(place, Command):
            return self._keys_of_program(place)
        if isinstance(place, Login):
            from .login import keys_of_login

            profile, environ, connect = self._asked[:3]
            return keys_of_login(
                place, profile, environ, connect, now=self._asked.now, timeout=self._left
            )
        from .machine import keys_of_machine

        return keys_of_machine(self._asked.environ, now, self._left, place.is_container)

    def _keys_of_program(self, command: Command) -> AwsKeys:
        from .program import keys_of_program

        began = time.monotonic()
        wait = self._asked.new_wait()
        keys = keys_of_program(command.text, command.name, self._asked.now(), wait)
        wait.over()
        self._deadline += time.monotonic() - began
        self._of_programs[command.name] = keys  # the program may have asked its user for them
        return keys

    def _keys_of_role(self, role: Role) -> AwsKeys | None:
        asked = self._asked
        if asked.uses_cache:
            from .clicache import cached_keys

            keys = cached_keys(role.key, asked.now())
            if keys is not None:
                return keys
        from .rolecalls import endpoint_of, keys_of_call

        url = endpoint_of(role, asked.profile, asked.environ)
        if url is None:
            return None
        signer = role.signer and self._keys_at(role.signer)
        if signer:
            checked(signer, f"for the role of the profile {asked.profile.shown_name}")
        elif role.signer:
            return None
        question = role.question
        code = None if question is None else self._ask(question)
        keys = keys_of_call(role, url, asked, signer, code, self._left)
        if keys is None and question and code:
            self._codes.keep(question, code)  # botocore makes the call again
        return keys

    def _ask(self, question: str) -> str:
        began = time.monotonic()
        code = self._codes.ask(question)
        self._deadline += time.monotonic() - began
        return code

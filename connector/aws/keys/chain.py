"""AWS keys by botocore's chain: roles, SSO, programs, containers and the machine itself.

botocore has no deadline for the chain: a program may hang, and so may a metadata address. So the
chain runs in a thread of its own, and its caller waits for a limited time. Two things differ from
the AWS CLI. A program of ``credential_process`` gets no stdin, which in a ProxyCommand carries the
bytes of SSH, and no terminal. And a user is asked for an MFA code only on the terminal of an
interactive command.
"""

from __future__ import annotations

import atexit
import os
import queue
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...errors import CredentialsError
from ...fast.logs import Logger, set_up_now
from ..endpoint import check_endpoint
from ..profile import Profile
from ..regions import region_of
from .clicache import CliCache
from .codes import Codes
from .errors import explain, no_keys, try_it
from .program import DRAIN, keys_in_output, late, start_program, words_of
from .programwait import TIMEOUT as PROGRAM_TIMEOUT
from .programwait import ProgramWait
from .source import AwsKeys

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

    from ...programs import Program, Ran
    from ..light import Connect

#: Seconds of one call of STS or SSO: to connect, and for request and response.
_CALL_TIMEOUTS = 4.0, 8.0

#: Seconds between two looks whether a program runs.
_PULSE = 1.0

logger = Logger(__name__)


def find_keys(
    profile: Profile,
    connect: Connect,
    *,
    named: bool,
    timeout: float,
    uses_cache: bool,
    codes: Codes,
    of_programs: Mapping[str, AwsKeys],
    wait: ProgramWait,
) -> AwsKeys:
    """Return the keys that botocore finds.

    :param profile: with the settings of the credentials file.
    :param connect: opens the connections to STS and SSO.
    :param named: whether the option ``--profile`` named the profile.
    :param timeout: seconds, besides those of a user at a prompt.
    :param uses_cache: whether the AWS CLI's cache may have the keys of a role.
    :param codes: asks the user for codes of MFA.
    :param of_programs: the keys that programs of profiles have written in this search.
    :param wait: gets a report about once a second while a program runs.
    :raises NoKeys: when no source has any.
    :raises CredentialsError: when a source has expired, fails, or takes too long.
    :raises ConfigError: when profile or settings are not usable.
    """
    set_up_now()
    search = _Search(profile, connect, named, uses_cache, of_programs, wait)
    try:
        return _wait(search, profile, timeout, codes, wait)
    finally:
        search.end()


def _wait(
    search: _Search, profile: Profile, timeout: float, codes: Codes, wait: ProgramWait
) -> AwsKeys:
    began = time.monotonic()
    deadline = began + timeout
    while True:
        left = deadline - time.monotonic()
        try:
            found = search.answers.get(timeout=min(max(left, 0.001), _PULSE))
        except queue.Empty:
            if wait.runs:
                wait.report()
            if time.monotonic() < deadline:
                continue
            if wait.runs and deadline < began + PROGRAM_TIMEOUT:
                deadline = began + PROGRAM_TIMEOUT
                continue
            raise _late(search, profile, deadline - began) from None
        if isinstance(found, AwsKeys):
            return found
        if isinstance(found, BaseException):
            raise explain(found, profile) from found
        asked = time.monotonic()
        search.codes.put(codes.ask(found))
        deadline += time.monotonic() - asked


def _late(search: _Search, profile: Profile, waited: float) -> CredentialsError:
    if search.program_of:
        return late(search.program_of, waited)
    return CredentialsError(
        f"The AWS keys of the profile {profile.shown_name} did not come within {waited:.0f} s",
        try_it(profile),
    )


class _Search:
    """The chain in a thread.

    :ivar answers: gets questions for the user (text), and at last keys or an exception.
    :ivar codes: gets the user's answers; None ends the search.
    :ivar program_of: the name of the profile whose ``credential_process`` runs; else empty.
    """

    def __init__(
        self,
        profile: Profile,
        connect: Connect,
        named: bool,
        uses_cache: bool,
        of_programs: Mapping[str, AwsKeys],
        wait: ProgramWait,
    ) -> None:
        self.answers: queue.SimpleQueue[AwsKeys | str | BaseException] = queue.SimpleQueue()
        self.codes: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.program_of = ""
        self._profile = profile
        self._connect = connect
        self._named = named
        self._uses_cache = uses_cache
        self._of_programs = of_programs
        self._wait = wait
        self._lock = threading.Lock()
        self._program: Program | None = None
        self._ended = False
        threading.Thread(target=self._run, name="aws-keys", daemon=True).start()

    def end(self) -> None:
        """End the search: its program, and its wait for the user."""
        with self._lock:
            self._ended = True
            program = self._program
        if program is not None:
            program.end()
        self.codes.put(None)

    def _run(self) -> None:
        try:
            self.answers.put(self._keys())
        except BaseException as error:  # noqa: BLE001 - raised to the caller of find_keys()
            self.answers.put(error)

    def _keys(self) -> AwsKeys:
        from botocore.credentials import create_credential_resolver
        from botocore.session import Session

        session_of_clients = cache(partial(self._session, Session))

        class Lean(Session):
            """A session without botocore's 120 handlers of events, which only clients need.

            Their registration takes 5 ms, and most sources of keys make no client.
            """

            def create_client(self, *names: Any, **settings: Any) -> Any:
                return session_of_clients().create_client(*names, **settings)

        session = self._session(Lean, include_builtin_handlers=False)
        roles: Any = CliCache(self._uses_cache)
        region = self._region
        resolver: Any = create_credential_resolver(session, roles, region)
        self._replace_providers(session, resolver, roles, region)
        credentials = resolver.load_credentials()
        if credentials is None:
            raise no_keys(self._profile, {} if self._named else os.environ)
        frozen = credentials.get_frozen_credentials()
        # botocore has no public name for it. Without, the keys are kept until they are refused.
        end = getattr(credentials, "_expiry_time", None)
        return AwsKeys(
            frozen.access_key, frozen.secret_key, frozen.token or None, end and end.timestamp()
        )

    def _session(self, kind: Any, **settings: bool) -> Any:
        """Return a session of botocore.

        :param kind: its class, which gets these settings.
        """
        name = self._profile.name
        # A profile that the option names excludes the variables with keys; another does not.
        session = kind(
            session_vars=None if self._named else {"profile": (None, None, name, None)},
            profile=name if self._named else None,
            **settings,
        )
        session.set_config_variable("defaults_mode", "legacy")  # "auto" asks EC2's metadata
        session.register("before-send", self._send)
        return session

    @property
    def _region(self) -> str | None:
        """The Region whose STS is asked."""
        return region_of(os.environ) or self._profile.region

    def _replace_providers(
        self, session: Any, resolver: Any, cache: Any, region: str | None
    ) -> None:
        """Let the chain start programs, ask for codes and renew logins by our rules.

        The providers of a role's ``source_profile`` are made by the builder.
        """
        from botocore import credentials as providers
        from botocore.tokens import FrozenAuthToken, SSOTokenProvider
        from botocore.utils import create_nested_client

        from ..sso.tokens import RENEWAL_TIMEOUT

        profile = self._profile

        def create_client(service: str, **settings: Any) -> Any:
            return create_nested_client(session, service, **{"region_name": region, **settings})

        def load_config() -> Any:
            return session.full_config

        start, connect, known = self._start, self._connect, self._of_programs
        profiles = profile.profiles

        class SsoLogin(SSOTokenProvider):
            def _refresher(self) -> FrozenAuthToken:
                """Return the token. It is renewed under the lock of all our processes."""
                from ..renewal import usable_token
                from ..sdk import ClientFactory
                from ..sso.renewal import Oidc
                from ..sso.tokens import SsoCache

                provider: Any = self
                clients = ClientFactory(profile.known_name, connect)
                settings = provider._sso_config
                token = usable_token(
                    SsoCache(settings["session_name"]),
                    Oidc(settings["sso_region"], profile, os.environ, clients),
                    *(time.time, RENEWAL_TIMEOUT),
                )
                end = datetime.fromtimestamp(token.expires_at, timezone.utc)
                return FrozenAuthToken(token.access_token, end)

        class Process(providers.ProcessProvider):
            def __init__(self, name: str) -> None:
                popen: Any = partial(start, name)
                super().__init__(name, load_config, popen)
                self._name = name

            def load(self) -> Any:
                if self._name in known:
                    return providers.Credentials(*known[self._name][:3], self.METHOD)
                command = profiles.get(self._name, {}).get("credential_process")
                if command is not None:
                    words_of(command, self._name)  # botocore has no words for a wrong one
                return super().load()

        class AwsLogin(providers.CredentialProvider):
            METHOD = "login"

            def __init__(self, name: str, theirs: Any) -> None:
                self._name, self._theirs = name, theirs

            def load(self) -> Any:
                session = profiles.get(self._name, {}).get("login_session")
                if session is None:
                    return None
                from .login import keys_of_login
                from .places import Login

                keys = keys_of_login(
                    *(Login(session, self._name), profile, os.environ, connect),
                    now=time.time,
                    timeout=RENEWAL_TIMEOUT,
                )
                if keys is None:
                    return self._theirs.load()
                return providers.Credentials(*keys[:3], self.METHOD)

        class Builder(providers.ProfileProviderBuilder):
            def _create_login_provider(self, profile_name: str) -> Any:
                builder: Any = super()
                return AwsLogin(profile_name, builder._create_login_provider(profile_name))

            def _create_process_provider(self, profile_name: str) -> Any:
                return Process(profile_name)

            def _create_sso_provider(self, profile_name: str) -> Any:
                login = SsoLogin(session, profile_name=profile_name)
                return providers.SSOProvider(
                    load_config, session.create_client, profile_name, cache, token_provider=login
                )

        name = self._profile.shown_name
        builder: Any = Builder(session, cache, region)
        kept = {provider.METHOD: provider for provider in resolver.providers}
        sourcer = providers.CanonicalNameCredentialSourcer(
            [providers.EnvProvider(), kept["container-role"], kept["iam-role"]]
        )
        role = providers.AssumeRoleProvider(
            load_config, create_client, cache, name, self._ask, sourcer, builder
        )
        process = builder._create_process_provider(name)
        sso = builder._create_sso_provider(name)
        ours: dict[str, Any] = {each.METHOD: each for each in (role, process, sso)}
        if "login" in kept:  # of botocore 1.41
            ours["login"] = builder._create_login_provider(name)
        resolver.providers = [ours.get(each.METHOD, each) for each in resolver.providers]

    def _ask(self, question: str) -> str:
        """Return the code that the user enters; the thread that waits for the keys asks."""
        self.answers.put(question)
        code = self.codes.get()
        if code is None:
            raise TimeoutError
        return code

    def _start(self, name: str, words: list[str], **_: Any) -> _Finished:
        """Run a program, as ``subprocess.Popen`` starts it, but without stdin and terminal.

        :param name: of its profile.
        :raises CredentialsError: when it fails, or writes no usable keys.
        """
        with self._lock:
            if self._ended:
                raise TimeoutError
            program = self._program = start_program(words, name)
            self.program_of, self._wait.runs = name, True
        atexit.register(program.end)
        try:
            ran = program.wait(2 * PROGRAM_TIMEOUT, DRAIN)
        finally:
            atexit.unregister(program.end)
            with self._lock:
                self._program = None
                self.program_of, self._wait.runs = "", False
        keys_in_output(ran, name, time.time())
        return _Finished(ran)

    def _send(self, request: AWSPreparedRequest, **kwargs: Any) -> AWSResponse | None:
        """Send a request to STS or SSO, with the user's CA certificates and proxy."""
        if not request.url.startswith("https://"):
            parts = urlsplit(request.url)
            if parts.hostname not in ("127.0.0.1", "localhost", "::1"):
                check_endpoint(f"{parts.scheme}://{parts.netloc}")
            return None  # an endpoint of the user on this machine: botocore sends it
        from ..sdk import Carrier

        return Carrier(self._connect, None, *_CALL_TIMEOUTS).send(request, **kwargs)


class _Finished:
    """A program that has ended, with the members of ``Popen`` that botocore uses."""

    def __init__(self, ran: Ran) -> None:
        self._ran = ran
        self.returncode = ran.status

    def communicate(self) -> tuple[bytes, bytes]:
        """Return what the program wrote, without stderr: botocore would quote that."""
        return self._ran.stdout, b""

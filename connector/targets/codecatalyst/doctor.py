"""The legs of `connector doctor` that know CodeCatalyst: the login, the API and the environment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from ...aws.endpoint import endpoint_is_overridden, given_endpoint, light_endpoint
from ...aws.profile import Profile, sso_session
from ...aws.sdk import ClientFactory
from ...aws.sso.tokens import BearerToken, BearerTokens, SsoCache, Unusable
from ...aws.times import format_time
from ...aws.trust import ca_bundle, named_ca_bundle
from ...doctor import public
from ...doctor.case import Case
from ...doctor.findings import Facts, Leg, Result, Status
from ...doctor.network import CALL_TIMEOUT, UNKNOWN, certificates, clock
from ...doctor.settings import configuration, endpoint
from ...doctor.words import Harmless, Words, words
from ...errors import ConnectorError, NoLogin
from ...transport.address import StreamSettings
from ...transport.trust import Trust
from ..doctor import result_of
from ..registry import other_kinds_hint
from .account import identify
from .api import TOKEN_VARIABLES, light_api, sdk_api
from .service import ENDPOINT, LOGIN, active_profile

if TYPE_CHECKING:
    from ...aws.api import Api
    from .environment import Environment

#: Values from AWS's guide, which a report may show because many users have them.
_PROFILES = ("default", "codecatalyst")
_SSO_SESSIONS = ("codecatalyst",)
_START_URLS = ("https://view.awsapps.com/start",)

#: The states of a Dev Environment (DevEnvironmentStatus in botocore's model of the service).
_STATES = ("PENDING", "RUNNING", "STARTING", "STOPPING", "STOPPED", "FAILED", "DELETING", "DELETED")

#: Seconds: a token that is valid for a shorter time is worth a warning.
_SOON = 15 * 60


class CodeCatalystLegs:
    """The legs of CodeCatalyst for one case. See :class:`connector.doctor.case.KindLegs`.

    An attribute without a value is set by the leg that finds it out.
    """

    states = _STATES

    _profile: Profile
    _api: Api
    _token: BearerToken

    def __init__(self, case: Case) -> None:
        self._case = case
        self._api_url = ""  # empty also if only botocore knows it

    def service(self) -> list[Leg]:
        return [
            Leg("aws-config", "AWS config", self._configuration),
            Leg("ca", "CA certificates", self._certificates, ("aws-config",)),
            Leg("profile", "login profile", self._login_profile, ("aws-config",)),
            Leg("token", "token", self._load_token, ("profile", "ca"), 9.0),
            Leg("api", "API endpoint", self._endpoint, ("aws-config", "ca")),
            *self._case.ways.legs("api", "API"),
            Leg("clock", "clock", self._clock, ("api-tls",)),
            Leg("identity", "identity", self._identity, ("token", "api-tls"), 9.0),
        ]

    def keys(self) -> list[Leg]:
        return []

    def target(self) -> Leg:
        return Leg("environment", "environment", self._environment, ("identity",), 12.0)

    # The login.

    def _configuration(self) -> Result:
        """Find the AWS configuration file and the profile that applies.

        A named profile that does not exist is always reported. Even if an environment variable
        holds the token, the profile's endpoint and CA certificates are missing.
        """
        profile = active_profile(self._case.options.profile, self._case.environ)
        self._profile = profile
        if self._case.has_keys and not self._has_login():
            text = words("No login is set up, which only Dev Environments need")
            return Result(text, Status.SKIP, blocks=words("no login is set up"))
        remedy = words(
            "Run `{command}` to create it, or name another with --profile or AWS_PROFILE",
            command=profile.login_command,
        )
        return configuration(profile, _PROFILES, remedy)

    def _has_login(self) -> bool:
        """Return whether the user has a login for this service, be it a broken one."""
        if any(map(self._case.environ.get, TOKEN_VARIABLES)):
            return True
        try:
            return LOGIN.scope in sso_session(self._profile).scopes
        except NoLogin:
            return False
        except ConnectorError:
            return True

    def _certificates(self) -> Result:
        """Load the CA certificates, and set how hosts are reached."""
        case, profile = self._case, self._profile
        bundle = ca_bundle(case.environ, profile)
        overridden = endpoint_is_overridden(
            ENDPOINT, case.options.endpoint_url, case.environ, profile
        )
        case.settings = StreamSettings(Trust(bundle), overridden)
        named = named_ca_bundle(case.environ, profile)
        return certificates(case.settings.trust, bundle, named)

    def _login_profile(self) -> Result:
        """Find the profile's sso-session, unless an environment variable holds a token."""
        given = [Harmless(name) for name in TOKEN_VARIABLES if self._case.environ.get(name)]
        try:
            session = sso_session(self._profile)
        except ConnectorError as error:
            if given:
                text = words("Not needed: {variable} holds a token", variable=given[0])
                return Result(text, facts={"ssoSession": None})
            result = Result.failed(error, {"ssoSession": None})
            other = other_kinds_hint(self._case.query) if isinstance(error, NoLogin) else ""
            if other:
                result.hint = words("{first}. {other}", first=result.hint, other=other)
            return result
        name = public.known(session.name, _SSO_SESSIONS)
        url, region = public.known(session.start_url, _START_URLS), public.region(session.region)
        facts = {"ssoSession": name, "startUrl": url, "region": region}
        text = words("sso-session {session}, {url}, {region}", session=name, url=url, region=region)
        if given:
            text = words("{text}; not used: {variable} holds a token", text=text, variable=given[0])
        return Result(text, facts=facts)

    def _load_token(self) -> Result:
        """Load the token as the proxy does, which renews it if it expires soon."""
        token = BearerTokens(
            self._profile, self._case.environ, self._clients(), TOKEN_VARIABLES
        ).load()
        self._token = token
        renewable = self._is_renewable() if token.expires_at is not None else None
        expires_at = None if token.expires_at is None else Harmless(format_time(token.expires_at))
        origin = public.known(token.origin, TOKEN_VARIABLES)
        facts: Facts = {"origin": origin, "expiresAt": expires_at, "renewable": renewable}
        text = words("From {origin}", origin=origin)
        if token.expires_at is None:
            return Result(words("{text}, expires at an unknown time", text=text), facts=facts)
        left = token.expires_at - time.time()
        text = words("{text}, expires in {span}", text=text, span=_span(left))
        if renewable:
            return Result(words("{text}, is renewed automatically", text=text), facts=facts)
        status = Status.WARN if left < _SOON else Status.OK
        text = words("{text}, cannot be renewed", text=text)
        return Result(text, status, words("Then: {remedy}", remedy=token.remedy), facts)

    def _is_renewable(self) -> bool:
        try:
            SsoCache(sso_session(self._profile).name).read().refresh_request(time.time())
        except Unusable:
            return False
        return True

    def _clients(self) -> ClientFactory:
        return ClientFactory(self._profile.known_name, self._case.settings.trust.connect)

    # The API.

    def _endpoint(self) -> Result:
        """Find the API's URL, and open the client that ``connector proxy`` uses for it."""
        case, profile = self._case, self._profile
        given = given_endpoint(ENDPOINT, case.options.endpoint_url, case.environ)
        url = light_endpoint(ENDPOINT, given, case.environ, profile)
        if url:
            self._api, self._api_url = light_api(url, case.settings.trust.connect), url
        else:
            self._api = sdk_api(self._clients(), given)
        return endpoint(case, url)

    def _clock(self) -> Result:
        """Compare the clock with the API's. VerifySession's path needs no token for that."""
        if not self._api_url:
            return Result(UNKNOWN, Status.SKIP)
        return clock(self._case, f"{self._api_url.rstrip('/')}/session")

    def _identity(self) -> Result:
        """Ask whose token it is: VerifySession and GetUserDetails."""
        user = identify(self._api, self._token)
        facts = {"userId": user.id, "userName": user.user_name}
        return Result(
            words("CodeCatalyst knows you as {user}", user=user.user_name or user.id), facts=facts
        )

    # The environment.

    def _environment(self) -> Result:
        """Ask for the state of the Dev Environment, without starting it."""
        calls = cast("Environment", self._case.find()).calls
        with calls.explained("describe"):
            state = calls.look(CALL_TIMEOUT)
        return result_of(calls, state, starts_unasked=True, secret=calls.token.value)


def _span(seconds: float) -> Words:
    minutes = int(seconds // 60)
    if minutes < 120:
        return words("{number} min", number=minutes)
    if minutes < 48 * 60:
        return words("{number} h", number=minutes // 60)
    return words("{number} days", number=minutes // 1440)

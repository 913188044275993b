"""The legs of `connector doctor` for regional APIs: keys, the API, the identity and the target."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from ...aws.api import CallFailed, Refused
from ...aws.cloud import Cloud, open_cloud
from ...aws.keys.programwait import TIMEOUT as PROGRAM_TIMEOUT
from ...aws.profile import load_profile, with_credentials
from ...aws.times import format_time
from ...aws.trust import ca_bundle, named_ca_bundle
from ...doctor import public
from ...doctor.case import Case
from ...doctor.findings import Facts, Leg, Result, Status
from ...doctor.network import CALL_TIMEOUT, UNKNOWN, certificates, clock
from ...doctor.settings import configuration, endpoint
from ...doctor.words import Harmless, words
from ...errors import AccessDenied, ConfigError, NoKeys
from ..doctor import result_of
from .account import identify
from .finder import regions_of, stream_settings
from .place import ALL_REGIONS, ANY_REGION, known_profiles, read_place

if TYPE_CHECKING:
    from .backend import Backend
    from .target import RegionalTarget

#: Seconds: keys that are valid for a shorter time are worth a warning.
_SOON = 5 * 60


class RegionalLegs:
    """The legs of one kind for one case. See :class:`connector.doctor.case.KindLegs`.

    An attribute without a value is set by the leg that finds it out.
    """

    _cloud: Cloud
    _profile: str | None

    def __init__(self, backend: Backend, case: Case) -> None:
        self.states = backend.targets.states
        self._backend = backend
        self._case = case
        self._region = ""
        self._api_url = ""  # empty also if only botocore knows it

    def service(self) -> list[Leg]:
        return [
            Leg("aws-config", "AWS config", self._configuration),
            Leg("ca", "CA certificates", self._certificates, ("aws-config",)),
            Leg("keys", "AWS keys", self._keys, ("ca",), 9.0, PROGRAM_TIMEOUT),
            Leg("region", "AWS Region", self._find_region, ("ca",)),
            Leg("api", "API endpoint", self._endpoint, ("region",)),
            *self._case.ways.legs("api", "API"),
            Leg("clock", "clock", self._clock, ("api-tls",)),
            Leg("identity", "identity", self._identity, ("keys", "api-tls"), 12.0),
        ]

    def keys(self) -> list[Leg]:
        return [
            Leg("keys", "AWS keys", self._find_keys, (), 9.0, PROGRAM_TIMEOUT),
            Leg("keys-identity", "AWS identity", self._identity, ("keys",), 12.0),
        ]

    def target(self) -> Leg:
        noun = self._backend.row.words.noun
        return Leg("target", noun, self._look, ("identity",), 12.0)

    def _configuration(self) -> Result:
        """Find the AWS configuration file and the profile that applies."""
        case = self._case
        place = read_place(self._backend, case.query, lambda: known_profiles(case.environ))
        self._profile = place.profile or case.query.profile
        profile = with_credentials(load_profile(self._profile, case.environ), case.environ)
        remedy = words(
            "Run `{command}`, or name another with --profile or AWS_PROFILE",
            command=profile.keys_command,
        )
        return configuration(profile, ("default",), remedy)

    def _certificates(self) -> Result:
        """Load the CA certificates, and set how hosts are reached."""
        case = self._case
        self._cloud = open_cloud(self._profile, case.query.endpoint_url, case.environ)
        case.settings = stream_settings(self._backend, self._cloud)
        profile = with_credentials(load_profile(self._profile, case.environ), case.environ)
        bundle, named = ca_bundle(case.environ, profile), named_ca_bundle(case.environ, profile)
        return certificates(case.settings.trust, bundle, named)

    def _find_keys(self) -> Result:
        """Load the keys of the profile, if it has any."""
        case = self._case
        try:
            self._cloud = open_cloud(case.query.profile, case.query.endpoint_url, case.environ)
            result = self._keys()
        except (NoKeys, ConfigError) as error:  # the legs of the login tell of a broken file
            text, reason = Result.failed(error).text, words("there are no AWS keys")
            return Result(text, Status.SKIP, blocks=reason)
        self._region, case.has_keys = self._cloud.region or ANY_REGION, True
        return result

    def _keys(self) -> Result:
        """Load the keys as the proxy does, which renews them if they expire soon."""
        keys = self._cloud.keys.load(CALL_TIMEOUT)
        kind = words("temporary") if keys.session_token else words("permanent")
        facts: Facts = {"temporary": bool(keys.session_token), "expiresAt": None}
        text = words("{kind} keys, {origin}", kind=kind, origin=self._cloud.keys.origin)
        if keys.expires_at is None:
            return Result(text.capitalised, facts=facts)
        left = keys.expires_at - time.time()
        facts["expiresAt"] = Harmless(format_time(keys.expires_at))
        text = words("{text}, expire in {number:.0f} min", text=text.capitalised, number=left / 60)
        status = Status.WARN if left < _SOON else Status.OK
        return Result(text, status, facts=facts)

    def _find_region(self) -> Result:
        """Find the Region in which the target is looked for."""
        case = self._case
        place = read_place(self._backend, case.query, lambda: known_profiles(case.environ))
        regions = regions_of(place, case.query, self._cloud)
        self._region = ANY_REGION if ALL_REGIONS in regions else regions[0]
        shown = [public.region(each) for each in regions]
        facts = {"regions": shown}
        if len(shown) == 1:
            return Result(words("{region}", region=shown[0]), facts=facts)
        text = words("{number} Regions, the first one is checked", number=len(shown))
        return Result(text, facts=facts)

    def _endpoint(self) -> Result:
        """Find the URL of the API that starts sessions."""
        url = self._cloud.endpoint(self._backend.service, self._region)
        self._api_url = url or ""
        return endpoint(self._case, url)

    def _clock(self) -> Result:
        """Compare the clock with the API's. Signatures are valid for five minutes."""
        if not self._api_url:
            return Result(UNKNOWN, Status.SKIP)
        return clock(self._case, f"{self._api_url.rstrip('/')}/")

    def _identity(self) -> Result:
        """Ask whose keys they are: sts:GetCallerIdentity, which needs no permission."""
        found = identify(self._cloud, self._region, CALL_TIMEOUT)
        facts = {"account": found.account, "arn": found.arn}
        return Result(words("AWS knows you as {user}", user=found.arn), facts=facts)

    def _look(self) -> Result:
        """Ask for the state of the target, without starting it."""
        target = cast("RegionalTarget", self._case.find())
        calls = target.calls
        try:
            state = calls.for_ssh(calls.look(CALL_TIMEOUT))
        except (Refused, CallFailed) as failure:
            error = calls.error_of(failure, "describe")
            result = Result.failed(error)
            if isinstance(error, AccessDenied):  # a session may be allowed all the same
                result.status, result.exit_code = Status.WARN, 0
            return result
        return result_of(calls, state, starts_unasked=self._backend.row.starts_unasked)

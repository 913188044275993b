"""The API: where it is, what time it is there, who we are to it, and how the environment does."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from ..aws.endpoint import endpoint_is_overridden, given_endpoint, light_endpoint
from ..aws.http import BadAnswer, exchange
from ..errors import ConnectFailed, ServiceError
from ..targets.codecatalyst.api import ENDPOINT, light_api, sdk_api
from ..targets.codecatalyst.identity import identify
from ..targets.codecatalyst.refusals import not_running, quote
from . import public
from .case import Case
from .findings import Result, Status
from .words import Words, words

#: Seconds for a call.
CALL_TIMEOUT = 6.0

_CONNECT_TIMEOUT = 4.0

#: Seconds that the clocks may differ; a Date header is whole seconds, and took its time.
_SKEW = 60.0

#: A state from which it comes to run, by itself or by ssh's starting it.
_ON_THE_WAY = ("STOPPED", "STOPPING", "STARTING", "PENDING")


def endpoint(case: Case) -> Result:
    """Where the API is, and the client that ``connector proxy`` has for it."""
    options, environ, profile = case.options, case.environ, case.profile
    given = given_endpoint(ENDPOINT, options.endpoint_url, environ)
    url = case.api_url = light_endpoint(ENDPOINT, given, environ, profile) or ""
    if not url:
        case.api = sdk_api(case.clients(), given)
        text = words("As botocore decides: there are settings that it alone can judge")
        return Result(text, facts={"url": None, "overridden": True})
    case.api = light_api(url, case.settings.trust.connect)
    overridden = endpoint_is_overridden(ENDPOINT, options.endpoint_url, environ, profile)
    shown = public.known(url, public.API_URLS)
    whose = words(", an endpoint of your own") if overridden else words("")
    text = words("{url}{whose}", url=shown, whose=whose)
    return Result(text, facts={"url": shown, "overridden": overridden})


def address(case: Case) -> tuple[str, int]:
    """Host and port of the API's URL."""
    parts = urlsplit(case.api_url)
    return parts.hostname or "", parts.port or 443


def clock(case: Case) -> Result:
    """Our time and that of the Date header of an answer, to a question without a token."""
    host, port = address(case)
    path = urlsplit(case.api_url).path.rstrip("/")
    request = f"GET {path}/session HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    try:
        with case.settings.trust.connect(host, port, _CONNECT_TIMEOUT) as sock:
            asked = time.time()
            answer = exchange(sock, request.encode("ascii"), CALL_TIMEOUT)
            ours = (asked + time.time()) / 2
    except (OSError, BadAnswer):
        raise ConnectFailed(_no_time(host)) from None
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (TypeError, ValueError):
        raise ServiceError(_no_time(host)) from None
    skew = ours - theirs
    facts = {"skewSeconds": round(skew, 1)}
    if abs(skew) <= _SKEW:
        return Result(words("This machine's clock is right to the minute"), facts=facts)
    text = words(
        "This machine's clock is {number:.0f} {unit} {way}",
        number=abs(skew) if abs(skew) < 600 else abs(skew) / 60,
        unit=words("s") if abs(skew) < 600 else words("min"),
        way=words("ahead") if skew > 0 else words("behind"),
    )
    hint = words("Set it (by NTP): tokens and certificates are judged by it")
    return Result(text, Status.WARN, hint, facts)


def _no_time(host: str) -> Words:
    return words("{host} does not say what time it is", host=public.host(host))


def identity(case: Case) -> Result:
    """Whom the token speaks for: VerifySession and GetUserDetails."""
    user = identify(case.api, case.token)
    facts = {"userId": user.id, "userName": user.user_name}
    return Result(
        words("CodeCatalyst knows you as {user}", user=user.user_name or user.id), facts=facts
    )


def environment(case: Case) -> Result:
    """The state that the Dev Environment is in. It is not started."""
    opened = case.open()
    with opened.explained(case.token):
        state = opened.look(case.token, CALL_TIMEOUT)
    target = opened.target
    status = public.known(quote(state.status, case.token.value), public.STATES)
    facts = {"status": status, "statusReason": quote(state.reason, case.token.value)}
    if status == "RUNNING":
        return Result(words("{environment} is RUNNING", environment=str(target)), facts=facts)
    error = not_running(target, state.status, state.reason, case.token)
    result = Result.failed(error, facts)
    result.blocks = words("it is {state}", state=status)
    if status in _ON_THE_WAY:
        result.status, result.exit_code = Status.WARN, 0
        reason = facts["statusReason"]
        result.text = words(
            "{environment} is {state}{why}",
            environment=str(target),
            state=status,
            why=words(": {reason}", reason=reason) if reason else words(""),
        )
        result.hint = words("It can be examined further once it runs")
        if status == "STOPPED":
            run = words("run `{command}`", command=target.start_command)
            result.blocks = words("it is STOPPED: {run}", run=run)
            result.hint = words("ssh starts it, which takes minutes; or {run}", run=run)
    return result

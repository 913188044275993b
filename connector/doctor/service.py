"""The API: where it is, what time it is there, who we are to it, and how the environment does."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from ..aws.http import BadAnswer, exchange
from ..aws.identity import identify
from ..aws.light import LightApi
from ..aws.refusals import not_running, quote
from ..aws.sdk import SdkApi
from ..aws.settings import api_endpoint, endpoint_is_overridden, light_endpoint
from ..errors import ConnectFailed, ConnectorError, ServiceError
from .case import Case
from .findings import Result, Status

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
    given = api_endpoint(options.endpoint_url, environ)
    url = case.api_url = light_endpoint(given, environ, profile) or ""
    if not url:
        case.api = SdkApi(case.clients(), given)
        text = "As botocore decides: there are settings that it alone can judge"
        return Result(text, facts={"url": None, "overridden": True})
    case.api = LightApi(url, case.settings.connect)
    case.private.hide_host("endpoint", urlsplit(url).hostname or "")
    overridden = endpoint_is_overridden(options.endpoint_url, environ, profile)
    text = f"{url}{', an endpoint of your own' if overridden else ''}"
    return Result(text, facts={"url": url, "overridden": overridden})


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
        with case.settings.connect(host, port, _CONNECT_TIMEOUT) as sock:
            asked = time.time()
            answer = exchange(sock, request.encode("ascii"), CALL_TIMEOUT)
            ours = (asked + time.time()) / 2
    except (OSError, BadAnswer):
        raise ConnectFailed(f"{host} does not say what time it is") from None
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (TypeError, ValueError):
        raise ServiceError(f"{host} does not say what time it is") from None
    skew = ours - theirs
    facts = {"skewSeconds": round(skew, 1)}
    if abs(skew) <= _SKEW:
        return Result("This machine's clock is right to the minute", facts=facts)
    amount = f"{abs(skew):.0f} s" if abs(skew) < 600 else f"{abs(skew) / 60:.0f} min"
    text = f"This machine's clock is {amount} {'ahead' if skew > 0 else 'behind'}"
    hint = "Set it (by NTP): tokens and certificates are judged by it"
    return Result(text, Status.WARN, hint, facts)


def identity(case: Case) -> Result:
    """Whom the token speaks for: VerifySession and GetUserDetails."""
    user = identify(case.api, case.token)
    for kind, name in (
        ("user-id", user.id),
        ("name", user.display_name),
        ("email", user.email),
        ("user", user.user_name),  # which the others may be the same as
    ):
        case.private.hide(kind, name)
    facts = {"userId": user.id, "userName": user.user_name}
    return Result(f"CodeCatalyst knows you as {user.user_name or user.id}", facts=facts)


def environment(case: Case) -> Result:
    """The state that the Dev Environment is in. It is not started."""
    try:
        opened = case.open()
    except ConnectorError as unknown:
        case.private.hide("hint", unknown.hint)  # it may name others, or what one may not enter
        raise
    try:
        with opened.explained(case.token):
            state = opened.look(case.token, CALL_TIMEOUT)
    finally:
        case.hide_names_of(opened)
    target = opened.target
    status, reason = quote(state.status, case.token.value), quote(state.reason, case.token.value)
    facts = {"status": status, "statusReason": reason}
    if status == "RUNNING":
        return Result(f"{target} is RUNNING", facts=facts)
    error = not_running(target, state.status, state.reason, case.token)
    result = Result.failed(error, facts)
    result.blocks = f"it is {status}"
    if status in _ON_THE_WAY:
        result.status, result.exit_code = Status.WARN, 0
        result.hint = "It can be examined further once it runs"
        if status == "STOPPED":
            result.blocks = f"it is STOPPED: run `{target.start_command}`"
            result.hint = f"ssh starts it, which takes minutes; or run `{target.start_command}`"
    return result

"""CodeCatalyst's API: its operations (model 2022-09-28), and the clients that call them."""

from __future__ import annotations

from ...aws.api import Operation
from ...aws.responses import Object, list_of, non_empty, number, text
from ...aws.sso.tokens import TokenVariables
from ...fast.typed import TYPE_CHECKING
from .service import LOGIN

if TYPE_CHECKING:
    from ...aws.light import Connect, LightApi
    from ...aws.sdk import ClientFactory, SdkApi

#: The variables that come before the login.
TOKEN_VARIABLES = TokenVariables(*LOGIN.token_variables)

# The endpoint is global. A fixed region keeps the user's from having an effect.
_REGION = "us-west-2"

_PATH = "/v1/spaces/{spaceName}/projects/{projectName}/devEnvironments/{id}"
_SESSIONS_PATH = _PATH.replace("{id}", "{devEnvironmentId}") + "/sessions"

_NAMED = Object({"name": text})
_STATE = Object({"status": non_empty}, lenient={"statusReason": text, "alias": text})
_ENVIRONMENT = Object(
    {"id": non_empty, "status": non_empty},
    lenient={
        **dict.fromkeys(
            ("spaceName", "projectName", "alias", "statusReason", "instanceType", "creatorId"),
            text,
        ),
        "inactivityTimeoutMinutes": number(0, 1e6),
        "lastUpdatedTime": text,
        "repositories": list_of(Object(lenient={"repositoryName": text, "branchName": text})),
    },
)
_USER = Object(
    lenient={
        "userName": text,
        "displayName": text,
        "primaryEmail": Object(lenient={"email": text}),
    }
)
_ACCESS = Object(
    {"accessDetails": Object({"streamUrl": non_empty, "tokenValue": non_empty})},
    # A session with an unreadable id could never be stopped.
    optional={"sessionId": text},
)
_SESSION = Object({"id": text}, lenient={"startedTime": text})


def _page_of(item: Object) -> Object:
    return Object({"items": list_of(item)}, lenient={"nextToken": text})


#: The operations that we call, by the names of botocore's methods.
OPERATIONS = {
    "verify_session": Operation("GET", "/session", Object({"identity": non_empty})),
    "get_user_details": Operation("GET", "/userDetails?id={id}", _USER),
    "get_dev_environment": Operation("GET", _PATH, _STATE),
    "start_dev_environment": Operation("PUT", f"{_PATH}/start", Object(), has_body=True),
    "stop_dev_environment": Operation("PUT", f"{_PATH}/stop", _STATE),
    "start_dev_environment_session": Operation("PUT", f"{_PATH}/session", _ACCESS, has_body=True),
    "stop_dev_environment_session": Operation("DELETE", f"{_PATH}/session/{{sessionId}}", Object()),
    "list_dev_environment_sessions": Operation(
        "POST", _SESSIONS_PATH, _page_of(_SESSION), has_body=True
    ),
    "list_spaces": Operation("POST", "/v1/spaces", _page_of(_NAMED), has_body=True),
    "list_projects": Operation(
        "POST", "/v1/spaces/{spaceName}/projects", _page_of(_NAMED), has_body=True
    ),
    "list_dev_environments": Operation(
        "POST", "/v1/spaces/{spaceName}/devEnvironments", _page_of(_ENVIRONMENT), has_body=True
    ),
}


def light_api(endpoint_url: str, connect: Connect) -> LightApi:
    """Return the client without botocore.

    :param endpoint_url: a result of ``aws.endpoint.light_endpoint``.
    """
    from ...aws.light import LightApi

    return LightApi(OPERATIONS, endpoint_url, connect)


def sdk_api(clients: ClientFactory, endpoint_url: str | None) -> SdkApi:
    """Return the client through botocore.

    :param endpoint_url: a result of ``aws.endpoint.given_endpoint``.
    """
    from ...aws.sdk import SdkApi

    return SdkApi(clients, "codecatalyst", OPERATIONS, region=_REGION, endpoint_url=endpoint_url)

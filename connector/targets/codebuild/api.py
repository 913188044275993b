"""CodeBuild's operations on sandboxes (botocore's model ``codebuild/2016-10-06``)."""

from __future__ import annotations

from ...aws.responses import Object, list_of, list_or_empty, non_empty, page_of, text, text_or_empty
from ...aws.services import Service, SignedOperation
from ..regional.ssm import access_in

# The model calls no member of a sandbox required.
_CONTEXTS = list_or_empty(Object({"message": text_or_empty}))
_SANDBOX = Object(
    {
        "id": non_empty,
        "projectName": text_or_empty,
        "status": text_or_empty,
        **dict.fromkeys(("requestTime", "startTime"), lambda value: value),
    },
    lenient={
        "environment": Object({"image": text}),
        "currentSession": Object(
            {
                "currentPhase": text_or_empty,
                "phases": list_or_empty(Object({"contexts": _CONTEXTS})),
            }
        ),
    },
)
_ONE = Object({"sandbox": _SANDBOX})

SERVICE = Service(
    "codebuild",
    "codebuild",
    "CodeBuild_20161006",
    {
        "list_sandboxes": SignedOperation("ListSandboxes", page_of("ids", text)),
        "batch_get_sandboxes": SignedOperation(
            "BatchGetSandboxes", Object({"sandboxes": list_of(_SANDBOX)})
        ),
        "start_sandbox": SignedOperation("StartSandbox", _ONE),
        "stop_sandbox": SignedOperation("StopSandbox", _ONE),
        "start_sandbox_connection": SignedOperation(
            "StartSandboxConnection", access_in("ssmSession")
        ),
    },
)

"""CodeBuild's operations on sandboxes (botocore's model ``codebuild/2016-10-06``)."""

from __future__ import annotations

from ...aws.responses import Object, list_of, non_empty, text
from ...aws.signed import Service, SignedOperation

# The model calls no member of a sandbox required. Texts that are missing are taken as empty.
_SANDBOX = Object(
    {"id": non_empty},
    lenient={
        "projectName": text,
        "status": text,
        **dict.fromkeys(("requestTime", "startTime"), lambda value: value),
        "environment": Object(lenient={"image": text}),
        "currentSession": Object(
            lenient={
                "currentPhase": text,
                "phases": list_of(
                    Object(lenient={"contexts": list_of(Object(lenient={"message": text}))})
                ),
            }
        ),
    },
)
_ONE = Object({"sandbox": _SANDBOX})
_IDS = Object(lenient={"ids": list_of(text), "nextToken": text})
_TEXTS = Object({"sessionId": text, "tokenValue": non_empty, "streamUrl": non_empty})

SERVICE = Service(
    "codebuild",
    "codebuild",
    "CodeBuild_20161006",
    {
        "list_sandboxes": SignedOperation("ListSandboxes", _IDS),
        "list_sandboxes_for_project": SignedOperation("ListSandboxesForProject", _IDS),
        "batch_get_sandboxes": SignedOperation(
            "BatchGetSandboxes", Object({"sandboxes": list_of(_SANDBOX)})
        ),
        "start_sandbox": SignedOperation("StartSandbox", _ONE),
        "stop_sandbox": SignedOperation("StopSandbox", _ONE),
        "start_sandbox_connection": SignedOperation(
            "StartSandboxConnection", Object({"ssmSession": _TEXTS})
        ),
    },
)

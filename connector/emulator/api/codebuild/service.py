"""CodeBuild's operations on sandboxes, carried out on the model.

Source: botocore's model ``codebuild/2016-10-06``. The model names two protocols, Smithy RPC v2
with CBOR and JSON 1.1. Clients choose; the emulator serves both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..account import Account
from ..errors import ApiError
from ..protocols.cbor import RpcCbor
from ..protocols.protocol import JSON_RPC, Answer, Instant
from ..rest import Endpoint
from ..shapes import ListOf, Shape, Structure, Text, Whole
from ..signed import JSON, Call, SignedApi
from .model import ENDED, RUNNING, CodeBuildModel, Sandbox

TARGET = "CodeBuild_20161006"

NAME = Text(1)
_PAGE: dict[str, Shape] = {
    "maxResults": Whole(1, 100),
    "sortOrder": Text(enum=("ASCENDING", "DESCENDING")),
    "nextToken": Text(),
}
START_SANDBOX = Structure({"projectName": NAME, "idempotencyToken": Text()})
STOP_SANDBOX = Structure({"id": NAME}, ("id",))
BATCH_GET_SANDBOXES = Structure({"ids": ListOf(NAME)}, ("ids",))
LIST_SANDBOXES = Structure(_PAGE)
LIST_SANDBOXES_FOR_PROJECT = Structure({"projectName": NAME, **_PAGE}, ("projectName",))
START_SANDBOX_CONNECTION = Structure({"sandboxId": NAME}, ("sandboxId",))

#: Seconds for which a repeated request with the same token starts nothing.
TOKEN_SECONDS = 300.0

#: The ids that one BatchGetSandboxes may have: a choice, as of BatchGetBuilds.
MOST_IDS = 100


class CodeBuildService:
    """The operations, as endpoints for a ``RestServer``."""

    def __init__(self, account: Account, model: CodeBuildModel) -> None:
        self._account = account
        self._model = model
        self._by_token: dict[tuple[str, str], tuple[float, Sandbox]] = {}

    def endpoints(self) -> list[Endpoint]:
        """Return all operations."""
        api = SignedApi(
            self._account,
            "codebuild",
            TARGET,
            protocols=(RpcCbor(TARGET), JSON_RPC),
            dialect=replace(JSON, invalid="InvalidInputException"),
        )
        return [
            api.endpoint("StartSandbox", START_SANDBOX, self._start, resources=_project_arn),
            api.endpoint("StopSandbox", STOP_SANDBOX, self._stop, resources=_sandbox_arns),
            api.endpoint(
                "BatchGetSandboxes", BATCH_GET_SANDBOXES, self._batch_get, resources=_sandbox_arns
            ),
            api.endpoint("ListSandboxes", LIST_SANDBOXES, self._list),
            api.endpoint(
                "ListSandboxesForProject",
                LIST_SANDBOXES_FOR_PROJECT,
                self._list,
                resources=_project_arn,
            ),
            api.endpoint(
                "StartSandboxConnection",
                START_SANDBOX_CONNECTION,
                self._connect,
                resources=_sandbox_arns,
            ),
        ]

    def _start(self, call: Call) -> Answer:
        name, now = call.get("projectName"), self._model.now()
        if not name:
            raise ApiError("Project name is required", "InvalidInputException")
        known = {key: each for key, each in self._by_token.items() if now < each[0]}
        key = (call.region, call.get("idempotencyToken") or "")
        if key not in known:
            sandbox = self._model.start(call.region, name)
            known[key] = (now + TOKEN_SECONDS if key[1] else now, sandbox)
        self._by_token, sandbox = known, known[key][1]
        if sandbox.project.name != name:
            text = "The idempotency token was used with other parameters"
            raise ApiError(text, "InvalidInputException")
        return {"sandbox": self._document(sandbox)}

    def _stop(self, call: Call) -> Answer:
        sandbox = self._model.sandbox(call.region, call["id"])
        self._model.stop(sandbox)
        return {"sandbox": self._document(sandbox)}

    def _batch_get(self, call: Call) -> Answer:
        ids: Sequence[str] = call["ids"]
        if not 0 < len(ids) <= MOST_IDS:
            raise ApiError(f"Give 1 to {MOST_IDS} ids", "InvalidInputException")
        found = {id: self._model.find(call.region, id) for id in ids}
        return {
            "sandboxes": [self._document(sandbox) for sandbox in found.values() if sandbox],
            "sandboxesNotFound": [id for id, sandbox in found.items() if sandbox is None],
        }

    def _list(self, call: Call) -> Answer:
        sandboxes = self._model.sandboxes(call.region, call.get("projectName"))
        if call.get("sortOrder") != "ASCENDING":
            sandboxes.reverse()
        ids = [sandbox.id for sandbox in sandboxes]
        return call.page("ids", ids, 100)

    def _connect(self, call: Call) -> Answer:
        sandbox = self._model.sandbox(call.region, call["sandboxId"])
        self._model.check_connection(sandbox)
        session = call.open_session(
            sandbox.arn, sandbox.target, document="AWS-StartSSHSession", owner=sandbox.role
        )
        return {"ssmSession": call.lower_access(session)}

    def _document(self, sandbox: Sandbox) -> dict[str, Any]:
        state = sandbox.state
        project, requested = sandbox.project, Instant(sandbox.requested)
        role = f"role/codebuild-{project.name}-service-role"
        phase = "COMPLETED" if state in ENDED else RUNNING if state == "STOPPING" else state
        ended = {"endTime": Instant(sandbox.life.since)} if state in ENDED else {}
        contexts = [{"statusCode": state, "message": sandbox.reason}] if sandbox.reason else []
        return {
            "id": sandbox.id,
            "arn": sandbox.arn,
            "projectName": project.name,
            "requestTime": requested,
            "startTime": requested,
            **ended,
            "status": state,
            "source": {"type": "NO_SOURCE"},
            "environment": {
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL",
            },
            "timeoutInMinutes": 60,
            "queuedTimeoutInMinutes": 480,
            "serviceRole": self._account.arn("iam", "", role),
            "currentSession": {
                "id": sandbox.session_uuid,
                "status": state,
                "currentPhase": phase,
                "startTime": requested,
                **ended,
                "phases": [{"phaseType": phase, "startTime": requested, "contexts": contexts}],
            },
        }


def _sandbox_arns(call: Call) -> list[str]:
    one = call.get("sandboxId") or call.get("id")
    ids = call.get("ids", [one])
    return [id if id.startswith("arn:") else call.arn(f"sandbox/{id}") for id in ids]


def _project_arn(call: Call) -> list[str]:
    return [call.arn(f"project/{call.get('projectName')}")]

"""ECS's API: the operations of ECS Exec (model 2014-11-13)."""

from __future__ import annotations

from ...aws.responses import Object, Shape, list_of, non_empty, text
from ...aws.signed import Service, SignedOperation
from ...fast.typed import Any

_ARNS = list_of(non_empty)


def _or_empty(value: object) -> str:
    """Accept anything; what is no text counts as none."""
    return text(value) if isinstance(value, str) else ""


def _items(item: Shape) -> Shape:
    """Accept a list; a missing one is empty."""
    listed = list_of(item)

    def shape(value: object) -> Any:
        return listed([] if value is None else value)

    return shape


_AGENT = Object({"lastStatus": _or_empty, "reason": _or_empty})
_CONTAINER = Object({"name": non_empty, "runtimeId": _or_empty, "managedAgents": _items(_AGENT)})
_TASK = Object(
    {
        **dict.fromkeys(("taskArn", "clusterArn", "taskDefinitionArn", "lastStatus"), non_empty),
        **dict.fromkeys(("group", "launchType", "stoppedReason"), _or_empty),
        "enableExecuteCommand": lambda value: value is True,
        "startedAt": lambda value: value,
        "containers": _items(_CONTAINER),
    },
)
_SESSION = Object({"streamUrl": non_empty, "tokenValue": non_empty, "sessionId": text})


def _listed(name: str, member: str) -> SignedOperation:
    return SignedOperation(name, Object(lenient={member: _ARNS, "nextToken": text}))


API = Service(
    "ecs",
    "ecs",
    "AmazonEC2ContainerServiceV20141113",
    {
        "list_clusters": _listed("ListClusters", "clusterArns"),
        "list_tasks": _listed("ListTasks", "taskArns"),
        "describe_tasks": SignedOperation("DescribeTasks", Object({"tasks": _items(_TASK)})),
        "execute_command": SignedOperation("ExecuteCommand", Object({"session": _SESSION})),
    },
)

"""ECS's API: the operations of ECS Exec (model 2014-11-13)."""

from __future__ import annotations

from ...aws.responses import Object, list_or_empty, non_empty, page_of, text_or_empty
from ...aws.services import Service, SignedOperation
from ..regional.ssm import access_in

_AGENT = Object({"lastStatus": text_or_empty, "reason": text_or_empty})
_CONTAINER = Object(
    {"name": non_empty, "runtimeId": text_or_empty, "managedAgents": list_or_empty(_AGENT)}
)
_TASK = Object(
    {
        **dict.fromkeys(("taskArn", "clusterArn", "taskDefinitionArn", "lastStatus"), non_empty),
        **dict.fromkeys(("group", "launchType", "stoppedReason"), text_or_empty),
        "enableExecuteCommand": lambda value: value is True,
        "startedAt": lambda value: value,
        "containers": list_or_empty(_CONTAINER),
    },
)

SERVICE = Service(
    "ecs",
    "ecs",
    "AmazonEC2ContainerServiceV20141113",
    {
        "list_clusters": SignedOperation("ListClusters", page_of("clusterArns", non_empty)),
        "list_tasks": SignedOperation("ListTasks", page_of("taskArns", non_empty)),
        "describe_tasks": SignedOperation("DescribeTasks", Object({"tasks": list_or_empty(_TASK)})),
        "execute_command": SignedOperation("ExecuteCommand", access_in("session")),
    },
)

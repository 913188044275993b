"""The operations of all rooms whose requests are signed, against botocore's models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connector.emulator.api import WORLDS
from connector.emulator.api.protocols.cbor import RpcCbor
from connector.emulator.api.protocols.protocol import JSON_RPC, REST_JSON
from connector.emulator.api.protocols.query import Ec2Query, Query
from connector.emulator.api.rest import Endpoint
from connector.emulator.api.ssm.service import SessionManagerService
from connector.emulator.api.sts.service import SecurityTokenService
from connector.emulator.app import Emulator

from .contract import check_input

#: The class of each protocol by botocore's name.
PROTOCOLS = {
    "json": type(JSON_RPC),
    "rest-json": type(REST_JSON),
    "smithy-rpc-v2-cbor": RpcCbor,
    "query": Query,
    "ec2": Ec2Query,
}

#: The versions of the APIs with query protocols.
VERSIONS = {"ec2": "2016-11-15", "sts": "2011-06-15"}


def signed_endpoints() -> list[Endpoint]:
    emulator = Emulator(Path(), kinds=tuple(WORLDS))
    services = (SessionManagerService(emulator.account), SecurityTokenService(emulator.account))
    endpoints = [
        *(endpoint for world in emulator.worlds.values() for endpoint in world.endpoints()),
        *(endpoint for service in services for endpoint in service.endpoints()),
    ]
    return [endpoint for endpoint in endpoints if endpoint.operation.service]


ENDPOINTS = signed_endpoints()


def test_no_operation_is_served_twice() -> None:
    names = [endpoint.operation.full_name for endpoint in ENDPOINTS]
    assert len(names) == len(set(names))
    assert len(names) > 20


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.operation.full_name)
def test_operation_is_that_of_botocores_model(boto: Any, endpoint: Endpoint) -> None:
    operation = endpoint.operation
    service = boto._session.get_service_model(operation.service)
    model = service.operation_model(operation.name)
    spoken = {type(protocol) for protocol in operation.protocols}
    assert spoken == {PROTOCOLS[name] for name in service.protocols}
    for protocol in operation.protocols:
        method, path = protocol.route(operation)
        assert method == model.http["method"]
        if not isinstance(protocol, RpcCbor):
            assert path == model.http["requestUri"]
    if JSON_RPC in operation.protocols:
        assert operation.target == f"{service.metadata['targetPrefix']}.{operation.name}"
    wire = "ec2" if service.resolved_protocol == "ec2" else "json"
    if model.input_shape is not None:
        check_input(operation.input, model.input_shape, operation.name, wire, exact=False)

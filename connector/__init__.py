"""Treat a target behind AWS Systems Manager, such as a cloud IDE, as an SSH host.

For programs: :func:`open_socket` and :func:`connect`, see docs/library.md.

The package itself imports nothing, since every ``ssh`` pays for its imports.
"""

__version__ = "0.1.0"

#: Type checkers take this for true. ``typing`` would be one more import.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from .errors import (
        AccessDenied,
        ConfigError,
        ConnectFailed,
        ConnectorError,
        CredentialsError,
        InternalError,
        LinkClosed,
        LinkLost,
        PortConnectFailed,
        ProxyFailed,
        ProxyUnreachable,
        QuotaExceeded,
        RemoteProtocolError,
        RequestRefused,
        ServiceError,
        ServiceThrottled,
        SessionEncrypted,
        SessionEnded,
        SessionNotFound,
        TargetNotFound,
        TargetNotReady,
        TLSFailed,
        UpgradeRejected,
    )
    from .library.sockets import TunnelSocket, open_socket
    from .library.streams import Connecting, Stream, connect
    from .sessions import Waiting

__all__ = [
    "AccessDenied",
    "ConfigError",
    "ConnectFailed",
    "Connecting",
    "ConnectorError",
    "CredentialsError",
    "InternalError",
    "LinkClosed",
    "LinkLost",
    "PortConnectFailed",
    "ProxyFailed",
    "ProxyUnreachable",
    "QuotaExceeded",
    "RemoteProtocolError",
    "RequestRefused",
    "ServiceError",
    "ServiceThrottled",
    "SessionEncrypted",
    "SessionEnded",
    "SessionNotFound",
    "Stream",
    "TLSFailed",
    "TargetNotFound",
    "TargetNotReady",
    "TunnelSocket",
    "UpgradeRejected",
    "Waiting",
    "connect",
    "open_socket",
]

if not TYPE_CHECKING:  # with this, a type checker would accept any name

    def __getattr__(name):
        """Import a public name when it is first used."""
        homes = {
            "Connecting": "library.streams",
            "Stream": "library.streams",
            "TunnelSocket": "library.sockets",
            "Waiting": "sessions",
            "connect": "library.streams",
            "open_socket": "library.sockets",
        }
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f".{homes.get(name, 'errors')}", __name__), name)
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *__all__})

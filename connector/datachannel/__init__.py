"""The SSM data-channel protocol, sans-I/O: no sockets, no clock, no AWS."""

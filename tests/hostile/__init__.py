"""A service that means harm, against the real client over a real TLS WebSocket."""

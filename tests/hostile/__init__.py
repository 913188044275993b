"""A hostile service against the real client, over a real TLS WebSocket."""

"""The machine that sessions lead to: its port, its processes, its SSH server."""

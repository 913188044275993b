"""Targets without an API of their own here, and the admin shells of GameLift Streams."""

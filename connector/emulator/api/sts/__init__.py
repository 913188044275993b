"""AWS Security Token Service: the caller's identity, and temporary keys of roles."""

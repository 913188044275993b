"""OpenSSH's configuration: how the connector reads it, checks it and adds its targets to it."""

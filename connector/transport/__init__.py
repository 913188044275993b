"""Sockets, standard streams, and the tunnel that connects them to a session."""

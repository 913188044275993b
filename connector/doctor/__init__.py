"""`connector doctor`: it checks each step of a connection by itself, with the parts that ssh uses.

A *leg* is one step. The legs of this package are the same for every kind of target. A kind adds the
legs that know its service: the login, the API and the target's state.
"""

"""What goes wrong: fault plans for sessions, refusals and delays for the API."""

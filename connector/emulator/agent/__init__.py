"""The SSM agent's side of sessions."""

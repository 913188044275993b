"""What talks to OpenSSH."""

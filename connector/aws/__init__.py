"""What every AWS API shares: configuration, credentials, endpoints, signing and clients."""

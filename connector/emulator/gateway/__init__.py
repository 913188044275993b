"""The message gateway: data channels of clients, each with its agent."""

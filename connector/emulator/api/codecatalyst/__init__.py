"""Amazon CodeCatalyst: Dev Environments and their sessions."""

"""The gateway: the network view, and the one GraphQL schema on it."""

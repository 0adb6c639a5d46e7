"""Every test can ask for the real PostgreSQL, Kafka and Keycloak: see `deploy/local`."""

pytest_plugins = ["schakel_local.fixtures"]

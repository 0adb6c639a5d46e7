"""Real PostgreSQL, Kafka and Keycloak without Docker, and the supervisor that runs the platform on one machine."""

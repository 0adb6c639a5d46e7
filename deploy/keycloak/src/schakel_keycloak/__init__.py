"""The realm of Schakel as data, and the job that makes a Keycloak agree with it."""

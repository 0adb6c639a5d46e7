"""Activities with their registrations, and cases."""

"""The network view: tables that hold what every service has said, and nothing that cannot be rebuilt."""

"""Plumbing of the services: functions, not a framework, and no word of the domain."""

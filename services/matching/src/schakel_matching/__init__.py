"""Challenges, the matching engine, and introductions followed to their outcome."""

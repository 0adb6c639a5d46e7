"""The matching engine: pure functions from a need and a catalogue to a slate that explains itself."""

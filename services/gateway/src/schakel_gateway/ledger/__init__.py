"""The ledger: every figure is a sum of signed lines, and the lines of a subject are a fold of its versions."""

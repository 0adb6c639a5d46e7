"""The menu: one module per subject, one function per use case, each one transaction that it does not commit itself."""

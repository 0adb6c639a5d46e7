"""The pages, one file per group of visitors' work; each handler takes a ``Page`` and returns its answer."""

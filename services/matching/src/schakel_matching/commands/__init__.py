"""The menu: what can be asked of matching. One use case is one function is one transaction."""

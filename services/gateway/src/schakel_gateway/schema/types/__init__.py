"""Output types. They are declarations: the statement of a root field makes an object of camelCase keys to pick from."""

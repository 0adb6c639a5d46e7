"""A real Kubernetes of one node, built from Go modules and run in namespaces of its own: docs/adr/0047."""

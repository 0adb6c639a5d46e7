"""The register of fieldlabs, hubs, companies and published figures."""

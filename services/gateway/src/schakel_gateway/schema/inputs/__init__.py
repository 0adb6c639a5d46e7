"""Inputs of the mutations: the body of the owning service's command, plus what goes into its path and headers."""

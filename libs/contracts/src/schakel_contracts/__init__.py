"""The contract between the services: what happened, in which words, and which problems a command may answer with."""

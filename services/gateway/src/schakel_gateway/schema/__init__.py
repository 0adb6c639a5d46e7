"""The GraphQL schema: plain declarations of what can be asked and sent; what happens is in the modules beside this."""

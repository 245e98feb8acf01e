"""The protocols: coroutines that a server runs as `party`, written once for every network."""

"""How fast the peers are, each in its own idiom and process, next to the same floor."""

"""How each kind of column looks on each engine: one file an engine, and what they share."""

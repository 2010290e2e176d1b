"""Which rows: conditions, orderings and selections as plain data, without a connection."""

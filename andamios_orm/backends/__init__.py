"""How each database does it: drivers, transactions, and what their errors mean."""

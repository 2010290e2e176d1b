"""Do it: the one place where models, queries, rows and databases meet."""

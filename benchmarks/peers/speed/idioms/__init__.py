"""The operations as each library's own documentation does them when speed matters."""

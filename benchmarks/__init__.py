"""How fast the library is, next to the raw driver doing the same work in the same process."""

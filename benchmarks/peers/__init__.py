"""The same questions put to andamios_orm and to its peers, each in its own environment."""

"""Tools for testing code that talks to a database: private servers, strategies, laws, fixtures.

Import what you need from its own module; this package loads none of them, so that asking for one
never needs the extra packages of another.
"""

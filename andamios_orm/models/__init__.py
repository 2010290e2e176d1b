"""The class that users write, and what they write into it."""

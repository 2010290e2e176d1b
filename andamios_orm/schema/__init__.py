"""What is stored: a Pydantic class read into plain data, and from there into a table."""

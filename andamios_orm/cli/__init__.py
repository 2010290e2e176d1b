"""The command line: `andamios-orm`, and `andamios` for short."""

"""`python -m andamios_orm` is the command line too."""

from andamios_orm.cli.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()

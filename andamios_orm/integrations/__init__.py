"""The library inside of others; each module needs the package that it is called after."""

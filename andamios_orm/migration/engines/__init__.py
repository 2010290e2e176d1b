"""One package per engine: how its databases are read, changed without harm, and locked."""

"""Where the rows are: engines, connections and transactions."""

"""What happens to the cost of a call when there is more: rows, columns, models, shapes, calls."""

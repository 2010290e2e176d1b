"""The hot path: parameters in, validated models out, nothing looked up by name per row."""

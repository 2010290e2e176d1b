"""Where the time of each hot operation goes, as flame graphs for the documentation."""

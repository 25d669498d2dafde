"""Commands that work: they train, measure and search in this process."""

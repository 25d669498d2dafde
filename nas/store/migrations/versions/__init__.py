"""One file a change of the schema; written once, never edited."""

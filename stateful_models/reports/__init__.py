"""What was found, for people and for programs: words, timelines, tables, reproductions, data."""

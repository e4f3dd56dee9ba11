"""What the matrix puts the exhibits to, wing by wing."""

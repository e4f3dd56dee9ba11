"""Ways of looking: each takes a subject and a scope, and says what it found."""

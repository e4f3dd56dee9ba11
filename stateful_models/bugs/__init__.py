"""The museum: one file a wrong cache, and the matrix of who catches it."""

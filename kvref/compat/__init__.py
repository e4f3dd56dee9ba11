"""What lets programs that were written for other caches run on kvref."""

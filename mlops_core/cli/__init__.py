"""Commands for people: run, look, ask why, and find what is missing."""

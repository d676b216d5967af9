"""A project of another kind than the example's: will a flight arrive more than 15 minutes late? Keys are strings."""

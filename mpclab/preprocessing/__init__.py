"""Input-independent material, where it comes from, and the pool that gives it out once."""

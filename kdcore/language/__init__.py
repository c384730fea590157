"""A language small enough that the probability of its every word is computed, not sampled."""

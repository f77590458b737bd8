"""The best that hindsight could have done: exactly for one job, as a lower bound for a whole market."""

"""From the user's bill and back: what was invoiced as lines of one model, and a run as lines of the same model."""

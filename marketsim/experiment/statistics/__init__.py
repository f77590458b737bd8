"""The statistics of a comparison: intervals, quantiles, shares, selection of the best, and how many replications."""

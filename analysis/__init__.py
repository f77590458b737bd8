"""Studies on the public face: each is `python -m analysis.NAME`, prints a table and ends with `N passed, M failed`."""

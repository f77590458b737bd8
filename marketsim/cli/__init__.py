"""The command line: thin commands, one file each, over the same functions a Python script calls."""

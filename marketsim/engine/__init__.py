"""The only folder that knows SimPy: it runs a policy in a world and writes the ledger."""

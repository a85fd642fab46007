"""The write path: reports become intervals, many reports a transaction, each answered after its commit."""

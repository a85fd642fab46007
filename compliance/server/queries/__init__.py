"""The read path: one question each, answered with a struct of `wire/answers`."""

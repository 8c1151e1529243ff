"""The two ways in which something can be wrong."""


class Refusal(Exception):
    """What was asked for cannot be done: one sentence with the place and the cure."""


class Failure(Exception):
    """A run went wrong: it becomes a row of its own in every table."""


class WrongBytes(Failure):
    """Bytes or endings were not those that were sent."""

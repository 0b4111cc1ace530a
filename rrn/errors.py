"""The one error that is the user's to mend: a sentence, no traceback, exit code 2."""


class UserError(Exception):
    """What was expected, what came and what to do, in one sentence."""

"""Other people's models with rationals in them, and rationals in another form."""

"""How the starter checkpoint is made: the whole recipe, from the artwork to the exported folder and its figures.

Nothing else in the studio imports this package except the command that runs it. It refuses to guess: a missing
source, a damaged stage file or a full disk is an error that says what to do, and what was trained so far stays.
"""

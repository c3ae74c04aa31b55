"""A1111's HTTP API, ``/sdapi/v1``, for the programs that speak it.

What travels is written by hand in ``schemas``; ``translation`` is the one seam between that and recipes. Pictures are
made by the same queue as everybody else's. It refuses to know the page and our own routes.
"""

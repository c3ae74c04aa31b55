"""The samplers, each a generator that reads like the algorithm box of its paper.

All work in the coordinates of Karras et al. 2022 with s(t) = 1: x is the picture plus noise of standard deviation
sigma, and `denoised` is D(x; sigma). They yield `Ask`, so they never see a network, and are joined to their names in
`registry.py`.
"""

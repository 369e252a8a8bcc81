"""The generation of 2017 and 2018: experimentation accounts and projects, hosting accounts, clusters.

It holds no state and no rule of its own: one domain stands under both generations.
"""

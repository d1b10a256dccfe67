"""The paper's studies, one command each.

What it reported, what comes out here, and what holds on unseen data.
"""

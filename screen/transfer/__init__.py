"""Transfer from pre-trained networks to a small target.

In the order of the pipeline: `features` of the target's compounds, `plan` (one model), `selection` (candidates inside
a training set), `weights` and `stack` (what is deployed), `problem` and `nested` (measured by nested cross-validation),
`permutation` (the same on shuffled values), `rows` and `leaderboard`, `verdict`; `fit` runs it all, `cache` keeps it.
"""

"""What the words of a report mean, a sentence or two each."""

from __future__ import annotations

TERMS: tuple[tuple[str, str], ...] = (
    ("90% interval", "Range that should hold nine of ten true values. It is set by errors on held-out compounds."),
    (
        "applicability domain",
        "Candidates that resemble what was measured, in elements and in descriptors, are in the domain; those unlike it"
        " in one respect are at its edge; others are out, and their predictions are extrapolation.",
    ),
    (
        "ceiling",
        "Largest value a model can predict. A forest averages measured values and cannot go beyond the largest; where"
        " candidates tie there, their order means nothing.",
    ),
    (
        "chance",
        "Probability that the true value is better than the best known one, or beyond the threshold, by the normal"
        " distribution that the interval stands for.",
    ),
    (
        "descriptor",
        "Number computed from a formula or a structure, such as the mean radius of its elements.",
    ),
    ("direct model", "Model that learns from the measured values alone, without transfer."),
    (
        "distance",
        "How far a candidate lies from the nearest measured compound in the space of descriptors, in units of what is"
        " usual among the measured compounds.",
    ),
    ("expected improvement", "Mean gain over the best known value that measuring a candidate promises (Jones, 1998)."),
    (
        "factor",
        "For a property fitted as its logarithm: at 2, predictions are typically twice or half the value.",
    ),
    ("fold", "Part of the measured compounds that is held out together, once."),
    ("held out, out of fold", "Predicted by a model that did not see the value: the only fair test of a model."),
    ("MAE, RMSE", "Mean absolute error; root of the mean squared error, which counts large errors more."),
    (
        "optimism",
        "By how much a model errs more on held-out compounds than it seemed to while it was chosen among others.",
    ),
    (
        "R²",
        "Share of the variation of held-out values that predictions explain: 1 is perfect, 0 a guess of the average.",
    ),
    (
        "shuffled (permuted) values",
        "The measured values dealt out to the compounds at random. Nothing can be learned from them, so what a model"
        " seems to achieve on them is luck.",
    ),
    ("source", "Property with plentiful data that networks are trained on before they are used for the target."),
    ("Spearman", "Correlation of ranks: 1 if held-out compounds are put into the right order."),
    ("spread", "Disagreement between the members of the model about one candidate."),
    ("stack", "Weighted mean of several models; the weights are found inside the training folds."),
    ("transfer", "Use of what networks learned from sources to predict the target, of which few values are known."),
)

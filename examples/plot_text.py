"""
Text classification with sparse features
========================================

A text has one feature per word of the vocabulary, and nearly all of them are zero. CSR
stores only the non-zero values, and the cost of a step of stochastic gradient descent
is proportional to their number, whatever the size of the vocabulary. The texts are
synthetic, so the relevant words are known.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_gd import GDClassifier

# %%
# Synthetic texts
# ---------------
# Each text contains common words of different frequencies, and a few words that are
# typical of its class.
rng = np.random.default_rng(0)
everyday = [f"word{k}" for k in range(3000)]
share = 1 / np.arange(1, 3001)
share /= share.sum()
tells = {
    0: ["lunch", "train", "tonight", "mum"],
    1: ["prize", "winner", "urgent", "free"],
}
label = rng.integers(0, 2, 2000)
texts = [
    " ".join([*words, *rng.choice(tells[kind], size=rng.poisson(1.5))])
    for kind, words in zip(
        label, rng.choice(everyday, size=(2000, 12), p=share), strict=True
    )
]
train_texts, test_texts, y_train, y_test = train_test_split(
    texts, label, random_state=0
)

# %%
# Three models
# ------------
# The default uses all samples in each step. Stochastic gradient descent with l1 selects
# few words.
models = {
    "default": GDClassifier(),
    "l1": GDClassifier(penalty="l1", alpha=2e-3),
    "SGD, l1": GDClassifier(
        penalty="l1",
        alpha=2e-3,
        solver="sgd",
        optimizer="gd",
        learning_rate=1.0,
        max_iter=20,
        tol=None,
        random_state=0,
    ),
}
scores, kept = {}, {}
for name, model in models.items():
    pipeline = make_pipeline(TfidfVectorizer(), model).fit(train_texts, y_train)
    scores[name], kept[name] = (
        pipeline.score(test_texts, y_test),
        int(np.count_nonzero(model.coef_)),
    )
    print(
        f"{name:12} test accuracy {scores[name]:.3f}, {kept[name]} of "
        f"{model.coef_.size} words in the model"
    )

# %%
# Relevant words
# --------------
words = pipeline[0].get_feature_names_out()
order = np.argsort(
    models["l1"].coef_[0] if models["l1"].coef_.ndim == 2 else models["l1"].coef_
)
lowest, highest = set(words[order[:4]]), set(words[order[-4:]])
print("negative:", *sorted(lowest))
print("positive:", *sorted(highest))

strongest = np.r_[order[:4], order[-4:]]
weights = np.ravel(models["l1"].coef_)[strongest]
_, ax = plt.subplots(layout="constrained")
ax.barh(
    words[strongest], weights, color=np.where(weights > 0, "tab:orange", "tab:blue")
)
ax.axvline(0.0, color=plt.rcParams["text.color"], linewidth=0.8)
ax.set(xlabel="coefficient under l1", title="Words with the largest coefficients")
plt.show()

# %%
# Sparse and dense input give the same model
# ------------------------------------------
sparse = TfidfVectorizer().fit_transform(train_texts)
print(
    f"{sparse.shape[0]} x {sparse.shape[1]}, {sparse.nnz / sparse.shape[0]:.1f} "
    "stored values per sample"
)
on_sparse = GDClassifier(alpha=1e-3).fit(sparse, y_train)
on_dense = GDClassifier(alpha=1e-3).fit(sparse.toarray(), y_train)
difference = float(
    abs(on_sparse.coef_ - on_dense.coef_).max() / abs(on_dense.coef_).max()
)
print(
    "largest difference of a coefficient between CSR and dense, relative to the "
    f"largest: {difference:.0e}"
)

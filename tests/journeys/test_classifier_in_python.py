"""The classifier in scikit-learn's tools, in a file, and on a table."""

from tests.journeys.journey import Journey


def test_estimator(journey: Journey) -> None:
    journey.python("""
import json, numpy as np, pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from seqclass import SequenceClassifier, load_model
rng = np.random.default_rng(0)
y = np.repeat(["falls", "rises"], 30)
X = np.where(y == "rises", 1, -1)[:, None] * np.linspace(-1, 1, 24) + rng.normal(0, 0.3, (60, 24))
classifier = SequenceClassifier(members=("steps",))
pipeline = make_pipeline(FunctionTransformer(np.cbrt), classifier)
grid = GridSearchCV(classifier, {"random_state": [0, 1]}, cv=2).fit(X, y)
pipeline.fit(X, y)
fitted = SequenceClassifier(members=("steps",)).fit(X, y)
fitted.save("mine.seqclass")
kept = load_model("mine.seqclass")
long = pd.DataFrame({
    "series_id": np.repeat(np.arange(60), 24), "step": np.tile(np.arange(24), 60),
    "value": X.ravel(), "label": np.repeat(y, 24),
})
by_frame = SequenceClassifier(members=("steps",)).fit(long, long["label"])
print(json.dumps({
    "grid": sorted(grid.best_params_), "pipeline": pipeline.score(X, y),
    "accuracy": fitted.score(X, y), "classes": fitted.classes_.tolist(),
    "same answers": bool((kept.predict_proba(X) == fitted.predict_proba(X)).all()),
    "steps and channels": [fitted.n_features_in_, fitted.n_channels_],
    "unknown": fitted.predict_or_unknown([X[0], np.full(24, 1e5)]).tolist(),
    "frame": by_frame.predict(long)[[0, -1]].tolist(),
    "explained": list(fitted.explain(X[:2]).shape),
}))
""")

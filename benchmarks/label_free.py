"""Label-free criteria of an embedding, to test whether they predict retrieval quality."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import skew
from sklearn.cluster import KMeans
from sklearn.metrics import roc_auc_score

from ucmgcn.core.arrays import Features, Mask

TOP = 10
CLUSTERS = 25

MEANING = {
    "held-out edges": "ROC AUC of the inductive cosine of two photos that were held out together, "
    "for telling whether each is among the 5 nearest of the other in the encoder's raw features",
    "protocol agreement": "share of a photo's 10 first models that are first under both protocols",
    "reciprocity": "share of a photo's 10 first models that have it among their own first photos",
    "evenness": "minus the skewness of how often a model is among the first 10: no hubs",
    "cluster stability": f"adjusted Rand index of {CLUSTERS} k-means clusters, between two seeds",
}


def criteria(
    photos: dict[str, Features], models: dict[str, Features], raw: Features, parts: list[Mask]
) -> dict[str, float]:
    """Compute the criteria of a single training.

    Parameters
    ----------
    photos, models
        Embeddings by protocol, shapes (n, d) and (m, d).
    raw
        Encoder features, shape (n, D).
    parts
        Masks of the photos that were held out together, each of shape (n,).
    """
    scores = {protocol: photos[protocol] @ models[protocol].T for protocol in photos}
    first = {protocol: _first(s, TOP) for protocol, s in scores.items()}
    counts = np.bincount(first["transductive"].ravel(), minlength=scores["transductive"].shape[1])
    return {
        "held-out edges": held_out_edges(photos["inductive"], raw, parts),
        "protocol agreement": float(
            np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(*first.values(), strict=True)])
        ),
        "reciprocity": reciprocity(scores["transductive"]),
        "evenness": -float(skew(counts)),
    }


def held_out_edges(embeddings: Features, raw: Features, parts: list[Mask], k: int = 5) -> float:
    """ROC AUC of the embedding's cosine for mutual nearest neighbours in the raw features.

    Only pairs within a part count: neither photo was in the graph that embeds them.
    """
    truth, score = [], []
    for part in parts:
        cosine = _cosine(raw[part])
        near = np.zeros_like(cosine, dtype=bool)
        np.put_along_axis(near, _first(cosine, k), True, axis=1)
        pairs = np.triu_indices(len(cosine), 1)
        truth.append((near & near.T)[pairs])
        score.append(_cosine(embeddings[part])[pairs])
    return float(roc_auc_score(np.concatenate(truth), np.concatenate(score)))


def reciprocity(scores: Features) -> float:
    """Share of the photos' links to their first 10 models that the models reciprocate."""
    n, m = scores.shape
    forth, back = np.zeros((n, m), dtype=bool), np.zeros((m, n), dtype=bool)
    np.put_along_axis(forth, _first(scores, TOP), True, axis=1)
    np.put_along_axis(back, _first(scores.T, max(1, round(TOP * n / m))), True, axis=1)
    return float((forth & back.T).sum() / forth.sum())


def clusters(rows: Features) -> list[int]:
    """Cluster unit vectors (n, d) by k-means."""
    found: Any = KMeans(CLUSTERS, n_init=2, random_state=0).fit_predict(rows)
    return [int(label) for label in found]


def _cosine(rows: Features) -> Features:
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    product = unit @ unit.T
    np.fill_diagonal(product, -2)
    return product


def _first(scores: Features, k: int) -> npt.NDArray[np.int64]:
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]

#!/usr/bin/env python3
"""Records Kendall's tau-b of SciPy and NDCG of scikit-learn (linear gain, the least score
moved to 0, ties sharing their places) of random groups with and without ties, in ranking.json.
Where SciPy finds the guesses all equal and so no tau, it is 0 here.

Behind them partial orders, ranks below some chosen ones: null scores of the others. The tau is
plain NumPy's over the pairs that are known, that of Python with all samples known being SciPy's;
NDCG has them one below the last of the chosen.

Usage: tests/oracle/ranking.py [tests/fixtures]
"""

import json
import pathlib
import sys

import numpy as np
from scipy.stats import kendalltau
from sklearn.metrics import ndcg_score


def group(pick, count, levels):
    """Scores and guesses; whole numbers below `levels`, or anything where that is 0."""
    if levels:
        return pick.integers(-1, levels, count).astype(float), pick.integers(0, levels + 1, count).astype(float)
    scores = np.round(pick.normal(40, 20, count), 3)
    return scores, np.round(0.02 * scores + pick.normal(0, 0.5, count), 4)


def known_tau(scores, e):
    """Without the pairs of samples that are both at minus infinity."""
    i, j = np.triu_indices(len(scores), 1)
    known = np.isfinite(scores[i]) | np.isfinite(scores[j])
    i, j = i[known], j[known]
    truth, guess = np.sign(np.clip(scores[i], -1e9, None) - np.clip(scores[j], -1e9, None)), np.sign(e[i] - e[j])
    return 0.0 if not guess.any() else truth @ guess / np.sqrt((truth @ truth) * (guess @ guess))


def record(scores, e, tau, ndcg):
    return {
        "scores": [s if np.isfinite(s) else None for s in scores.tolist()],
        "e": e.tolist(),
        "kendall": float(f"{tau:.12g}"),
        "ndcg": float(f"{ndcg:.12g}"),
    }


def partial(pick, count, levels):
    """Some samples chosen, ties among them or not."""
    known = int(pick.integers(1, count))
    ranks = np.sort(pick.integers(1, known + 1, known)) if levels else np.arange(1, known + 1)
    scores = np.full(count, -np.inf)
    scores[pick.permutation(count)[:known]] = -ranks
    _, e = group(pick, count, levels)
    below = np.where(np.isfinite(scores), scores, -ranks.max() - 1)
    return record(scores, e, known_tau(scores, e), ndcg_score([below - below.min()], [e]))


def main(folder):
    pick = np.random.default_rng(11)
    found = []
    for count in [2, 3, 4, 5, 8, 20, 60] * 5:
        for levels in (0, 1, 3):
            scores, e = group(pick, count, levels)
            if np.ptp(scores) == 0:
                continue
            tau = 0.0 if np.ptp(e) == 0 else kendalltau(scores, e, variant="b").statistic
            ndcg = ndcg_score([scores - scores.min()], [e])
            assert abs(known_tau(scores, e) - tau) < 1e-12
            found.append(record(scores, e, tau, ndcg))
    found += [partial(pick, count, levels) for count in [2, 3, 4, 7, 20] * 4 for levels in (0, 3)]
    lines = [json.dumps(one, separators=(",", ":")) for one in found]
    (folder / "ranking.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures"))

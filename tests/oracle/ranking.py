#!/usr/bin/env python3
"""Records Kendall's tau-b of SciPy and NDCG of scikit-learn (linear gain, the least score
moved to 0, ties sharing their places) of random groups with and without ties, in ranking.json.
Where SciPy finds the guesses all equal and so no tau, it is 0 here.

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
            found.append({"scores": scores.tolist(), "e": e.tolist(), "kendall": float(f"{tau:.12g}"), "ndcg": float(f"{ndcg:.12g}")})
    lines = [json.dumps(one, separators=(",", ":")) for one in found]
    (folder / "ranking.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures"))

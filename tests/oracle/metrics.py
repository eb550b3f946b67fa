#!/usr/bin/env python3
"""Records ROUGE (rouge_score 0.1.2, with and without stemming) and METEOR
(NLTK's meteor_score on WordNet 3.0) of about 560 pairs of texts, Porter stems
and WordNet synonyms, in metrics.json.

METEOR's words are cut here as lib/metric/words.h documents it. NLTK reads
Debian's wordnet-base, which is WordNet 3.0 without two files that no synonym
needs: lexnames is made up.

Usage: tests/oracle/metrics.py [tests/fixtures]
"""

import json
import pathlib
import random
import re
import shutil
import sys
import tempfile
import warnings

import nltk
from nltk.corpus.reader.wordnet import WordNetCorpusReader
from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import single_meteor_score
from rouge_score.rouge_scorer import RougeScorer

WORDNET = pathlib.Path("/usr/share/wordnet")
ROUGES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]

SPACES = r"\x09-\x0d\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
MARKS = (
    r"\x00-\x08\x0e-\x1b\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x84\x86-\x9f\xa1-\xa9\xab-\xb4"
    r"\xb6-\xb9\xbb-\xbf\xd7\xf7\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2190-\u2bff"
    r"\u2e00-\u2e7f\u3001-\u303f\ufe30-\ufe6f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40"
    r"\uff5b-\uff65\ufffd"
)
WORD = re.compile(f"[^{SPACES}{MARKS}]+|[{MARKS}]")

SENTENCES = """The cat sat quietly on the old wooden bench near the garden gate.
Several children were playing football in the park while their parents talked.
A powerful storm damaged hundreds of houses along the eastern coast on Monday.
The company announced that it will close three factories by the end of the year.
Scientists discovered a new species of frog living high in the mountains.
She quickly finished her homework and went outside to meet her friends.
The government rejected the proposal because it would cost too much money.
Police arrested two men after a car was stolen from a shop in the city centre.
He has been writing novels about war, love and betrayal for thirty years.
Many people believe that the old bridge is dangerous and must be repaired soon.
The doctor advised him to stop smoking, eat less and take more exercise.
Researchers say the medicine could help millions of patients with heart disease.
An editor for large files with syntax highlighting and multiple windows.
This package provides documentation and examples for the networking library.
It doesn't matter; we'll go anyway, won't we?
The quick brown fox jumps over the lazy dog.
Our team won the match easily, beating the visitors by four goals to one.
The president will visit Paris, London and Berlin during his tour of Europe.
Prices rose sharply last month, surprising analysts who had predicted a fall.
The teacher asked the pupils to describe their happiest memory in a short essay.
Heavy lorries are forbidden from crossing the narrow streets of the village.
A fire broke out in the kitchen, but nobody was hurt and little was destroyed.
The judge sentenced the thief to five years in jail for robbing a bank.
Farmers worry that the long drought will ruin this year's harvest of wheat.
The film tells the story of a young woman who becomes a famous painter.
Engineers are testing an autonomous vehicle which can navigate busy roads.
The minister apologised for his remarks and promised to resign immediately.
Visitors to the museum can see ancient coins, weapons and jewellery.
The dog barked loudly when the stranger knocked at the door.
Buyers preferred smaller, cheaper and more efficient automobiles.""".split("\n")

# Groups of words that share a stem or a synset, in forms that tax both.
FAMILIES = """car cars automobile auto machine railcar|begin begins beginning start started commence
big large bigger largest great|buy buys bought purchase purchasing|child children kid kids minor
die dies died dying decease|dog dogs hound frank|easy easily easier simple|end ending finish finished
fast quickly rapid rapidly speedy|feet foot|happy happier happiness felicitous glad
help helped aid assist assistance|house houses home firm|kill killing|knife knives
leave leaves left depart|lie lying lies|man men adult|money cash|news intelligence
organise organize organisation organization|road roads route|run running ran|say said tell state
see saw seen|show shows demonstrate|sky skies|small little smaller minor|speak spoke talk
think thought believe|tie tying ties|war warfare|well good better best|woman women
work works working worked|write wrote written|geology geological|fully full|oxen ox|mice mouse
study studies studied studying|agreed agree agreeing|hopping hoped hop hope|relational relate
succeed succeeded success|inning innings|analysis analyses|axes axis axe|flies fly flew"""
FAMILIES = [family.split() for family in FAMILIES.replace("\n", "|").split("|")]
FILLERS = "the a of in and to is was with for on that it by as from at an be this".split()

ODD = [
    "", " ", "\n", "\n\n", ".", "...", "a", "A", "the", "the the", "the the the the", "I", "1", "42",
    "3.14", "x_y", "_", "don't", "don\u2019t", "well-known", "U.S.A.", "e-mail: me@example.org",
    "https://example.org/a?b=c", "\u201cHello,\u201d she said.", "na\u00efve caf\u00e9 r\u00e9sum\u00e9",
    "NA\u00cfVE CAF\u00c9 R\u00c9SUM\u00c9", "\u0130stanbul \u0130\u0130I", "istanbul iii", "300 \u212a", "300 k",
    "\u039f\u0394\u039f\u03a3 \u03a3\u039f\u03a6\u039f\u03a3 \u03a3", "\u03bf\u03b4\u03cc\u03c2 \u03c3\u03bf\u03c6\u03cc\u03c2 \u03c3",
    "\u65e5\u672c\u8a9e\u306e\u6587\u3002\u4e8c\u3064\u76ee\u3001\u306e\u6587", "\u65e5\u672c\u8a9e\u306e\u6587",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e", "\U0001f600 smile \U0001f600", "e\u0301tude E\u0301tude",
    "\u00e9\u00e9\u00e9ed \u00e9\u00e9ing \u0436\u0436\u0436ing \u0436ies", "stra\u00dfe STRASSE STRA\u1e9eE", "\u01c4 \u01c5 \u01c6",
    "one\u00a0two\u2003three\u2028four", "a\u2014b\u2013c\u2026d", "100 \u20ac or \u00a3100", "\u00bd cup", "A\u030a \u212b \u00e5",
    "first sentence\nsecond sentence", "second sentence\nfirst sentence", "\nleading\n\n\ntrailing\n",
    "a b c d e f g", "g f e d c b a", "a b a b a b", "b a b a b a", "aaaa bbbb", "yyyy yyed yying", "ed ing s es ies",
    "news skies dying lying tying innings outings cannings howe proceed exceed succeed", "the cat\tsat\r\non the mat",
    "offer offers involucra aurar diastemata", "\u00aa \u00b5 \u00ba \u00d7 \u00f7", "x" * 70 + "ing " + "y" * 200,
]


def mutate(pick, words):
    """The words with some dropped, doubled, swapped or replaced by a relative."""
    out = []
    for word in words:
        chance = pick.random()
        bare = word.strip(".,;?").lower()
        family = next((family for family in FAMILIES if bare in family), None)
        if chance < 0.12:
            continue
        if family and chance < 0.6:
            word = pick.choice(family)
        elif chance < 0.2:
            out.append(word)
        elif chance < 0.28 and out:
            out[-1], word = word, out[-1]
        elif chance < 0.33:
            word = pick.choice(FILLERS)
        out.append(word)
    return out


def soup(pick, size):
    """Words of the families, with fillers."""
    return [pick.choice(pick.choice(FAMILIES)) if pick.random() < 0.6 else pick.choice(FILLERS) for _ in range(size)]


def broken(pick, words, every):
    """Joined by blanks, some of them newlines."""
    return "".join(word + ("\n" if pick.random() < 1 / every else " ") for word in words).strip(" ")


def pairs():
    pick = random.Random(20231)
    for i, odd in enumerate(ODD):
        yield odd, odd
        yield odd, ODD[(i + 1) % len(ODD)]
        yield ODD[(i + 7) % len(ODD)], odd
    for sentence in SENTENCES:
        yield sentence, sentence
        yield sentence, pick.choice(SENTENCES)
        for _ in range(4):
            yield sentence, " ".join(mutate(pick, sentence.split()))
    for size in [1, 2, 3, 5, 8, 13, 21, 34] * 12:
        words = soup(pick, size)
        other = mutate(pick, words) if pick.random() < 0.7 else soup(pick, size)
        yield broken(pick, words, 9), broken(pick, other, 7)
    for _ in range(50):
        some = [pick.choice(SENTENCES) for _ in range(pick.randint(2, 5))]
        other = [" ".join(mutate(pick, s.split())) for s in some]
        pick.shuffle(other)
        yield "\n".join(some), "\n".join(other)
    for size, letters in [(63, "ab"), (64, "ab"), (65, "abc"), (128, "abcd"), (129, "ab"), (200, "abcdefgh")] * 2:
        yield " ".join(pick.choices(letters, k=size)), " ".join(pick.choices(letters, k=size + pick.randint(-9, 9)))
    for size in (90, 150, 260):
        words = soup(pick, size)
        yield broken(pick, words, 80), broken(pick, mutate(pick, words), 70)


class Reader(WordNetCorpusReader):
    def map_wn(self, version="wordnet"):
        return None  # WordNet 3.0 is the version that NLTK maps to


def open_wordnet():
    folder = pathlib.Path(tempfile.mkdtemp())
    nltk.data.path.insert(0, str(folder))
    for path in WORDNET.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    (folder / "lexnames").write_text("".join(f"{i:02d}\tname{i}\t1\n" for i in range(45)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Reader(str(folder), None)


def shortest(value):
    return float(f"{value:.9g}")


def rouge(scorer, reference, candidate):
    scores = scorer.score(reference, candidate)
    return [[shortest(part) for part in scores[name]] for name in ROUGES]


def some_words(wordnet):
    """Words for stems: single words of WordNet, and the families, with endings."""
    pick = random.Random(7)
    lemmas = sorted({lemma for lemma in wordnet.all_lemma_names() if lemma.isalpha()})
    words = set(pick.sample(lemmas, 1200)) | {word for family in FAMILIES for word in family}
    for lemma in pick.sample(lemmas, 1200):
        words.add(lemma + pick.choice(["s", "es", "ed", "ing", "ly", "er", "ness", "ies", "ied", "fully", "alli", "y", "eed"]))
    words |= {"\u00e9\u00e9ed", "\u0436\u0436ing", "\u00e9ies", "yy", "yyy", "s", "es", "ss", "ies", "ied", "eed", "ing", "bed", "hopping"}
    return sorted(words)


def main(folder):
    wordnet = open_wordnet()
    stemmer = PorterStemmer()
    scorers = [RougeScorer(ROUGES, use_stemmer=stem) for stem in (False, True)]
    recorded = [
        {
            "reference": reference,
            "candidate": candidate,
            "rouge": rouge(scorers[0], reference, candidate),
            "rouge_stemmed": rouge(scorers[1], reference, candidate),
            "meteor": shortest(single_meteor_score(WORD.findall(reference), WORD.findall(candidate), wordnet=wordnet)),
        }
        for reference, candidate in pairs()
    ]
    words = some_words(wordnet)
    asked = [word for family in FAMILIES for word in family] + words[::25] + ["offer", "aurar", "xyzzy", "s"]
    synonyms = {
        word: sorted(
            {lemma.name() for synset in wordnet.synsets(word) for lemma in synset.lemmas()
             if re.fullmatch("[^_A-Z]+", lemma.name())}
        )
        for word in asked
    }
    lines = [json.dumps(pair, ensure_ascii=False, separators=(",", ":")) for pair in recorded]
    with open(folder / "metrics.json", "w", encoding="utf-8") as out:
        out.write('{"pairs":[\n' + ",\n".join(lines) + '\n],\n"stems":')
        out.write(json.dumps({word: stemmer.stem(word) for word in words}, ensure_ascii=False, separators=(",", ":")))
        out.write(',\n"synonyms":' + json.dumps(synonyms, ensure_ascii=False, separators=(",", ":")) + "}\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures"))

#!/usr/bin/env python3
"""Records how Hugging Face's tokenizers (0.23.3), whose patterns are Oniguruma's, splits texts by
patterns, in tests/fixtures/patterns.json: what real tokenizers use, what PCRE2 reads otherwise, and
expressions drawn at random from both.

  texts     the texts, which every pattern is tried on
  patterns  per pattern: its expression, and per text the parts that it is split into, as their
            lengths in bytes (null: it takes too long); null: a pattern that tokenizers refuses
  replaced  per pattern, all of which match nothing somewhere: its expression, and the texts with "-"
            for each match

Usage: tests/oracle/patterns.py [tests/fixtures]
"""

import json
import pathlib
import random
import sys

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
CL100K_POSSESSIVE = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]"
                     r"|\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
            r"|\s*[\r\n]+|\s+(?!\S)|\s+")
KIMI = (r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"

REAL = [GPT2, CL100K, CL100K_POSSESSIVE, O200K, DEEPSEEK, KIMI, BLOOM, r"\p{N}", r"\p{N}{1,3}", r"[0-9][0-9][0-9]", r"\d",
        r"[一-龥぀-ゟ゠-ヿ]+", r"\s?\p{L}+", r"\s?\p{P}+", r"[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺ]+",
        r"\d{1,3}(?=(?:\d{3})*\b)", r"\p{Nd}{1,3}(?=(?:\p{Nd}{3})*(?:\P{Nd}|$))", r" |[[:punct:]]", r" {2,}", r"(?=[A-Z])"]

# One construct each, with what PCRE2 reads otherwise or not at all.
DIALECT = [
    # scripts, and how properties are named
    r"\p{Han}+", r"\p{Hiragana}+", r"\p{Latin}+", r"\p{Greek}", r"\p{Common}+", r"\p{Inherited}+", r"\P{Han}+", r"\p{^Han}+",
    r"\p{Script=Han}+", r"\p{sc:Han}", r"\p{Arabic}+", r"\p{Devanagari}+", r"\p{Katakana}+", r"\p{letter}+", r"\p{Lowercase_Letter}",
    r"\p{lu}", r"\p{L&}", r"\p{Any}", r"\p{Cn}", r"\p{Cs}", r"\p{C}+", r"\p{Alpha}+", r"\p{Alphabetic}+", r"\p{Emoji}+", r"\p{Upper}+",
    r"\p{White_Space}+", r"\p{Assigned}+", r"\p{InBasic_Latin}+", r"\pL", r"\p{Lu}\p{Ll}+", r"[^\p{Han}\p{Latin}]+", r"\p{Nl}", r"\p{Sk}+",
    # quantifiers
    r"\p{N}{1,3}+", r"a{2}+", r"a{,2}", r"a{,2}b", r"a{2}?", r"a{1,2}?", r"a{3,1}", r"a{0}b", r"a{2,}+", r"a*+a", r"a++", r"a?+a", r"a**",
    r"a+*", r"(?:ab){2}", r"(?:ab){1,2}+", r"a{", r"a{,}", r"a{x}", r"{2}", r"a{2", r"(?:a|ab)(?:c|bcd)(?:d*)", r"(?:a?)*b", r"(?:a*)+", r"(a|b*)*c",
    r"x*", r"x*?", r"", r"a|", r"|a", r"(?:)", r"\b", r"(?=a)|a", r"(?=b)", r"(?<=b)", r"$", r"^", r"^ *", r"(?!b)", r"a{2}{3}", r"\s{1,2}{1,2}",
    # groups and options
    r"(?m:a.b)", r"(?m)a.b", r"(?-m:a.b)", r"(?s:a.b)", r"(?x: a b )", r"(?i)ss", r"(?i)ß", r"(?i:straße)", r"(?i:k)", r"(?i:ſ)", r"(?i:ff)",
    r"(?i:st)", r"(?i:[ß])", r"(?i:[^a])", r"(?i:ǆ)", r"(?i:σ)", r"(?i:i)", r"(?i:İ)", r"(?i:ŉ)", r"(?i:[a-z]+)", r"(?im:a.b)", r"a(?i)b|c",
    r"(?i:'s)(?:x)?", r"(?i:s)t", r"(?i:s)(?i:s)", r"(?I:ss)", r"(?W:\w+)", r"(?D:\d+)", r"(?S:\s+)", r"(?P:[[:alpha:]]+)", r"(?a)\w+",
    r"(?y{g})\X", r"(?y{w})\X", r"(?>a|ab)c", r"(?<n>a)\k<n>", r"(?<n>a|b)\g<n>", r"(?'n'a)\k'n'", r"(a)\1", r"(a)(?:b)\1", r"(?<n>a)(b)\k<n>",
    r"(?P<n>a)", r"(?~ab)", r"a(?~|b|c)d", r"(?(?=a)ab|c)", r"(?#comment)a", r"(?<=a)b", r"(?<!a)b", r"(?<=a|bc)d", r"(?<=a+)b", r"(?i:(?<=S)s)",
    r"(*FAIL)|a", r"(*UTF)a", r"(?{x})a", r"\Ka", r"a\Kb", r"(?:a)?+", r"(?=a)*b", r"(?|a|b)", r"(?R)", r"\Qa.b\E", r"(?<a>.)(?<a>.)\k<a>",
    # classes
    r"[a-c&&[^b]]+", r"[[a-c][x-z]]+", r"[^[a-c]b]+", r"[a&&b]", r"[a-z&&\p{Han}]", r"[[:alpha:]]+", r"[[:^alpha:]]+", r"[[:word:]]+",
    r"[[:space:]]+", r"[^[:punct:]a]+", r"[:punct:]+", r"\[[:punct:]", r"[[:upper:]]+", r"[[:print:]]+", r"[[:graph:]]+", r"[[:cntrl:]]", r"[[:xdigit:]]+", r"[[:blank:]]+", r"[]a]", r"[a-]+",
    r"[-a]+", r"[a\-z]+", r"[a-\d]", r"[\d-z]+", r"[a-z-9]+", r"[a-z-]+", r"[+--]+", r"[^]+", r"[a^b]+", r"[\s]+", r"[\S]+", r"[^\S\n]+", r"[\w]+",
    r"[\W]+", r"[\h]+", r"[\H]+", r"[\R]", r"[\X]", r"[\b]", r"[a-\x{e9}]+", r"[z-a]", r"[é-ü]+", r"[\n-\r]+", r"[\\]", r"[a]]", r"[(*)]+", r"[[]",
    r"[a[", r"[&&]", r"[a&]+", r"[a&&&b]", r"[\p{L}--a]+", r"[\p{L}\d_]+", r"[[.a.]]", r"[\Q]\E]", r"[.]+", r"[{}]", r"[$^]+", r"[ -~]+",
    # escapes
    r"\s+", r"\S+", r"\d+", r"\D+", r"\w+", r"\W+", r"\h+", r"\H+", r"\R", r"\X", r"\O", r"\N", r"\v+", r"\V", r"\A.", r".\z", r".\Z", r"\G.", r"\b\w",
    r"\B.", r"\e", r"\a", r"\f", r"\0", r"\x41", r"\x{41}", r"\x{e9}", r"\u00e9", r"\u4e00", r"\101", r"\cA", r"\C-a", r"\M-a", r"\<", r"\>", r"\_",
    r"\é", r"\-", r"\'", r"\`", r"\@", r"\%", r"\y", r"\Y", r"\K", r"\k<1>", r"\g<0>", r"\o{101}", r"\U0041", r"\l", r"\L", r"\i", r"\/", r"\#", r"\ ",
    r"\&", r"\~", r"\!", r"\=", r"\:", r"\;", r"\,", r"\"", r"\.", r"\|", r"\}", r"\]", r"}", r"]", r")", r"(", r"\\", "\\", r"+", r"a|*", r"(+a)", r"^*",
    # characters and lines
    r".", r".+", r"(?m:.+)", r"[^x]", r"a$", r"^b", r"^\s*$", r"$\n", r"\n$", r"\r\n|\n", r"ﬀ", r"é", r"e\u0301", r"[é]", r"日本?", r"日{2}", r"…+", r"(?:日|本)+",
]

TEXTS = [
    "", "a", "Hello world's it'S 'T don't WE'LL I'VE 'ſ 's", "aab ab aaa b a", "abcd abd acd bcd", "straße STRASSE Straẞe ss ſs ß", "ﬀ ff ﬁ ﬆ st ſt",
    "k K \u212a", "12 123 1234 12345678 १२३ ٣٤٥ Ⅷ ½ 𝟘𝟙", "日本語 漢字〇々〆、。「」ー・", "ひらがなカタカナｶﾅー゛", "Ελληνικά σΣς", "русский кириллица",
    "العربية ، ؛ ؟ ـ ٠", "हिन्दी । ॥ १", "e\u0301\u0323 é ŉ ǰ İ ı i I", "a\nb\r\nc\n\nd\n", "\n", " \t\u00a0\u3000\u2028x \u180e y \x85z\x0b\x0c", "  two   three    four ",
    "FooBarBaz fooBar XMLHttp", "a.b,c;d!e?f(g)h[i]j{k}l|m^n$o&p~q`r'\"s\\t/u#v@w%x-y_z+=<>*", "👍🏽 👨‍👩‍👧 🇩🇪 ☃ ©", "\x00\x01\x1f\x7f", "ǅ ǆ Ǆ ª º \u0903 ʰ",
    "x--y - a-z 0-9 && a&b", "don’t it’s", "1,000,000.50 0xFF 1e-5", "_under_score__", "ab" * 9, "\u0301\u0301a", "aΑа", "\ufeffa\u200b\u200db",
]

EMPTY = [r"x*", r"a*?", r"(?=b)", r"$", r"^", r"a|$", r"\b", r"\p{Han}*", r"", r"(?<=\n)"]

ATOMS = [r"\p{L}", r"\p{N}", r"\s", r"\S", r"\d", "a", "b", " ", "é", "日", r"[a-c]", r"[^a-c\s]", r"[\s\d]", r"\.", ".", r"[^\r\n\p{L}\p{N}]", r"[é-ü_-]", r"\n",
         r"\p{Lu}", r"\P{L}", r"[\p{L}\p{M}]", "'", r"(?i:'s|'T)", r"(?i:[sk])", r"(?!\S)", r"(?=a)", "^", "$"]
SUFFIXES = [""] * 6 + ["?", "*", "+", "*?", "+?", "??", "++", "*+", "?+", "{2}", "{1,2}", "{1,}", "{0,1}", "{2}?", "{1,2}+", "{,2}"]


def drawn(generator, depth=2):
    """An expression of the constructs above, some of which only one engine knows."""
    branches = []
    for _ in range(generator.choice((1, 1, 2, 3))):
        parts = []
        for _ in range(generator.randint(1, 3)):
            if depth and generator.random() < 0.15:
                part = generator.choice(("(?:", "(", "(?=", "(?!")) + drawn(generator, depth - 1) + ")"
            else:
                part = generator.choice(ATOMS)
            # Most quantifiers of what has no width are errors in one engine or the other.
            width = not part.startswith(("(?=", "(?!", "^", "$")) or generator.random() < 0.05
            parts.append(part + (generator.choice(SUFFIXES) if width else ""))
        branches.append("".join(parts))
    return "|".join(branches)


def split_text(pre, text):
    try:
        return [len(part.encode()) for part, _ in pre.pre_tokenize_str(text)]
    except BaseException:  # the panic of a search that takes too long is no Exception
        return None


def split(expression):
    try:
        pre = pre_tokenizers.Split(Regex(expression), "isolated")
    except Exception:  # whatever Oniguruma has against it
        return None
    return [split_text(pre, text) for text in TEXTS]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures")
    generator = random.Random(5)
    expressions = list(dict.fromkeys(REAL + DIALECT + [drawn(generator) for _ in range(500)]))
    recorded = {"tokenizers": tokenizers.__version__, "texts": TEXTS,
                "patterns": [{"expression": one, "parts": split(one)} for one in expressions],
                "replaced": [{"expression": one, "texts": [normalizers.Replace(Regex(one), "-").normalize_str(text)
                                                           for text in TEXTS]} for one in EMPTY]}
    with open(folder / "patterns.json", "w", encoding="utf-8") as out:
        json.dump(recorded, out, separators=(",", ":"), ensure_ascii=True)
        out.write("\n")


if __name__ == "__main__":
    main()

# Joins apt's Translation-en files (first) with its Packages files (after the
# argument `packages=1`) by Description-md5. One line per binary package:
#   md5 TAB package TAB split TAB record as JSON
# Works in mawk and gawk; run with LC_ALL=C. Variable: words (0: no limit).

BEGIN {
    for (i = 1; i < 256; i++)
        code[sprintf("%c", i)] = i
    for (i = 1; i < 32; i++)
        control[i] = sprintf("%c", i)
}

# --- Translation-en: synopsis[md5], lines[md5] (joined by \n) ---

!packages && /^Description-md5: / { md5 = $2; inside = 0; next }
!packages && /^Description-en: / {
    inside = !(md5 in synopsis)
    if (inside) {
        synopsis[md5] = substr($0, 17)
        lines[md5] = ""
    }
    next
}
!packages && /^ / { if (inside) lines[md5] = lines[md5] substr($0, 2) "\n"; next }
!packages { inside = 0; next }

# --- Packages ---

/^Package: / { package = source = $2; section = md5 = ""; next }
/^Source: / { source = $2; next }
/^Section: / { section = $2; next }
/^Description-md5: / { md5 = $2; next }
/^$/ { emit(); md5 = ""; next }
END { if (packages) emit() }

function emit(    prompt, title) {
    if (!(md5 in synopsis))
        return
    title = squeeze(synopsis[md5])
    # Nothing to summarize: a package that only says what replaces it.
    if (tolower(title) ~ /transitional|dummy package/)
        return
    prompt = shorten(clean(lines[md5]))
    if (title == "" || prompt !~ / .* / || seen[prompt, title]++)
        return
    printf "%s\t%s\t%s\t", md5, package, split_of(source)
    printf "{\"id\":%s,\"prompt\":%s,\"completion\":%s,", json(package), json(prompt), json(title)
    printf "\"package\":%s,\"source\":%s,\"section\":%s}\n", json(package), json(source), json(section)
}

# Paragraphs and list items become lines of their own: " ." ends a paragraph, a
# line that is indented further starts an item when it has a bullet.
function clean(text,    part, count, i, line, out, open) {
    count = split(text, part, "\n")
    out = ""
    open = 0
    for (i = 1; i <= count; i++) {
        line = part[i]
        if (line ~ /^\.?[ \t]*$/) {
            open = 0
            continue
        }
        if (line ~ /^[ \t]*[*+o-][ \t]+[^ \t]/) {
            sub(/^[ \t]*[*+o-][ \t]+/, "- ", line)
            open = 0
        }
        gsub(/(https?|ftp):\/\/[^ \t>)]*[^ \t>).,;]/, "URL", line)
        line = squeeze(line)
        if (line == "")
            continue
        out = out (out == "" ? "" : open ? " " : "\n") line
        open = 1
    }
    return out
}

function squeeze(text) {
    gsub(/[ \t\r]+/, " ", text)
    sub(/^ /, "", text)
    sub(/ $/, "", text)
    return text
}

# At most `words` words: the head, and the last paragraph when it is short,
# for it says what sets this package apart from its siblings ("This package
# contains the development files.").
function shorten(text,    part, count, tail, size, word, i, kept, line, out) {
    if (!words || split(text, word, /[ \n]/) <= words)
        return text
    count = split(text, part, "\n")
    tail = part[count]
    size = count > 1 ? split(tail, word, " ") : 0
    if (!size || size > words / 2) {
        tail = ""
        size = 0
    }
    kept = words - size
    out = ""
    for (i = 1; i <= count - (size > 0) && kept > 0; i++) {
        line = head_words(part[i], kept)
        out = out (out == "" ? "" : "\n") line
        kept -= split(line, word, " ")
    }
    return tail == "" ? out : out "\n" tail
}

function head_words(text, most,    word, count, i, out) {
    count = split(text, word, " ")
    if (count <= most)
        return text
    out = word[1]
    for (i = 2; i <= most; i++)
        out = out " " word[i]
    return out
}

# By source package, so that near-duplicates stay on one side: 18/20 train,
# 1/20 valid, 1/20 test, by a polynomial hash that doubles hold exactly.
function split_of(name,    h, i) {
    h = 7
    for (i = 1; i <= length(name); i++)
        h = (h * 131 + code[substr(name, i, 1)]) % 1000003
    h %= 20
    return h == 0 ? "test" : h == 1 ? "valid" : "train"
}

# No gsub here: awks differ on backslashes in a replacement.
function json(text,    i) {
    text = escape(text, "\\", "\\\\")
    text = escape(text, "\"", "\\\"")
    text = escape(text, "\n", "\\n")
    for (i = 1; i < 32; i++)
        if (index(text, control[i]))
            text = escape(text, control[i], sprintf("%su%04x", "\\", i))
    return "\"" text "\""
}

function escape(text, from, to,    at, out) {
    out = ""
    while ((at = index(text, from))) {
        out = out substr(text, 1, at - 1) to
        text = substr(text, at + 1)
    }
    return out text
}

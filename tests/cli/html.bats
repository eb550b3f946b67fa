#!/usr/bin/env bats
# score --html: structure, order, escaping, size. With TOKENWISE_CHROMIUM=PROGRAM a browser
# also runs the page's script.
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
bats_require_minimum_version 1.5.0
load helper

prepare() {
    page=(score -q --html page.html --tokenizer "$FIXTURES/unigram/spiece.model")
    cat >two.jsonl <<'END'
{"id":"one","prompt":"first","completion":"the reference","samples":[{"text":"w","tokens":[5,6],"rewards":[0.25,1],"score":1,"rank":2},{"text":"b","tokens":[7],"rewards":[0.625],"score":9,"rank":1}]}
{"id":7,"prompt":"second","samples":[{"text":"n","tokens":[8],"rewards":[2]},{"text":"s","tokens":[9],"rewards":[2],"score":3},{"text":"h","tokens":[10],"rewards":[2],"score":4}]}
END
}

count() { # PATTERN: its occurrences in the page
    grep -oE -- "$1" page.html | wc -l
}

@test "one page: groups in the stream's order, samples best first, shades and values" {
    run -0 --separate-stderr "${page[@]}" two.jsonl
    same '' "$output$stderr"
    [[ $(head -1 page.html) == '<!DOCTYPE html>' && $(tail -1 page.html) == '</html>' ]]
    same $'<h2>one</h2>\n<h2>7</h2>' "$(grep -oE '<h2>[^<]*</h2>' page.html)"
    # By rank; then by score, what has none last.
    same $'#1</b>score 9\n#2</b>score 1' "$(grep -oE '#.</b>score [0-9]+' page.html)"
    same 'title=0.625 title=0.25 title=1 title=2 title=2 title=2 ' "$(grep -oE 'title=[0-9.]+' page.html | tr '\n' ' ')"
    same $'score 9\nscore 1\nscore 4\nscore 3' "$(grep -oE 'score [0-9]+' page.html)"
    # The scale of a group runs from its least to its greatest reward; a flat one is neutral.
    same $'<i class=e title=0.625>\n<i class=a title=0.25>\n<i class=i title=1>' "$(grep -oE '<i class=. title=[^>]*>' page.html | head -3)"
    [ "$(count '<i class=e title=2>')" -eq 3 ]
    [ "$(count 'reward 0\.25 <i class=a></i>.*<i class=i></i> 1</span>')" -eq 1 ]
    grep -q '<b>Reference</b> the reference</p>' page.html
    [ "$(count '<article>')" -eq 5 ]
    [ "$(count '</article>')" -eq 5 ]
}

@test "the page refers to nothing outside and forbids itself the network" {
    "${page[@]}" two.jsonl
    grep -q "Content-Security-Policy content=\"default-src 'none';" page.html
    run -1 grep -iE 'https?:|//[a-z]|<link|<img|<iframe|src=|@import|url\(' page.html
}

@test "hostile text is text" {
    # shellcheck disable=SC2028
    echo '{"id":"</h2><script>x()</script>","prompt":"</script><img src=x onerror=\"y()\">&amp;'"'"'\u0001\u001b[2J\u009b\u202e\u2028\ufffe\ud83d\ude00","completion":"]]><!--\n<b>\r","samples":[{"text":"\"><b>","tokens":[5],"rewards":[-1.5]}]}' >hostile
    "${page[@]}" hostile
    [ "$(count '<script')" -eq 1 ]
    [ "$(count '</script')" -eq 1 ]
    run -1 grep -E '<img|<!--|<b>.?$' page.html
    grep -qF '<h2>&lt;/h2&gt;&lt;script&gt;x()&lt;/script&gt;</h2>' page.html
    grep -qF '&lt;/script&gt;&lt;img src=x onerror=&quot;y()&quot;&gt;&amp;amp;&#39;��[2J����😀</p>' page.html
    grep -qF ']]&gt;&lt;!--' page.html
    grep -qx '&lt;b&gt;�</p>' page.html
    run -1 grep -P '[\x00-\x08\x0b-\x1f\x7f]' page.html
    iconv -f UTF-8 -t UTF-8 page.html >/dev/null
    score -q --html - --tokenizer "$FIXTURES/unigram/spiece.model" hostile | cmp page.html -
}

@test "50 groups of 4 samples of 128 tokens are below 2 MB" {
    jq -nc 'range(50) | {id: ., prompt: ("word " * 400), completion: ("word " * 100), samples:
        [range(4) | {text: "t", score: ., tokens: [range(128) + 50], rewards: [range(128) | . / 127.7 + 0.123456]}]}' >groups
    "${page[@]}" groups
    [ "$(count '<section')" -eq 50 ]
    [ "$(count '<i class=. title=')" -eq 25600 ]
    [ "$(stat -c %s page.html)" -lt 2000000 ]
    echo "$(stat -c %s page.html) bytes"
}

@test "with -g: rewards computed, the guidance's own order told" {
    for _ in 1 2 3; do
        echo '{"prompt":"a small library","samples":[{"text":"fonts and images","score":1},{"text":"a python server","score":2}]}'
    done >ranked
    cp ranked valid
    learn-guidance -q -i "$FIXTURES/gpt2" -o guidance --head-size 8 --steps 2 --eval-every 1 --valid valid ranked
    score -q --html page.html -g guidance ranked
    [ "$(count '&middot; guidance [0-9.]+, its #[12]<')" -eq 6 ]
    [ "$(count 'its #1<')" -eq 3 ]
    grep -q '<title>guidance</title>' page.html
    # The title is the name of a folder, which may be any.
    mkdir '<b>"' && cp -rL guidance '<b>"/<i>&'
    score -q --html other.html -g '<b>"/<i>&/' ranked
    grep -qF '<title>&lt;i&gt;&amp;</title>' other.html
    same "$(tail -n +8 page.html | grep -v '<header>')" "$(tail -n +8 other.html | grep -v '<header>')"
    # The same rewards as --per-record writes.
    score -q --plain --per-record --metrics reward -g guidance ranked >rewarded
    wanted=$(jq -s '[.[].samples[].rewards[]] | length' rewarded)
    [ "$(count '<i class=. title=')" -eq "$wanted" ]
}

@test "written whole or not at all" {
    echo '{"prompt":"a","samples":[{"text":"x","tokens":[5],"rewards":[]}]}' >bad
    cat two.jsonl bad >mixed
    run -1 --separate-stderr "${page[@]}" mixed
    same 'score: mixed:3: samples[0].rewards: expected 1 numbers, one per token (-g GUIDANCE computes them)' "$stderr"
    same '' "$(find . -name '*page*')"
    echo old >page.html
    run -1 "${page[@]}" mixed
    same old "$(cat page.html)"
    "${page[@]}" </dev/null
    [ "$(count '<section')" -eq 0 ]
    tail -1 page.html | grep -qx '</html>'
}

@test "usage errors" {
    for bad in '--json' '--color' '--per-record' '-o x' '--compare' '-m m'; do
        # shellcheck disable=SC2086
        run -2 --separate-stderr "${page[@]}" $bad two.jsonl
        [ "${#stderr_lines[@]}" -eq 1 ]
    done
    run -2 score --html page.html two.jsonl
    [ ! -e page.html ]
}

@test "the script in a browser: it counts the groups, filters them and tells values" {
    [ -n "${TOKENWISE_CHROMIUM-}" ] || skip "TOKENWISE_CHROMIUM is not set"
    "${page[@]}" two.jsonl
    # After the page's own script: type a filter, then move along the tokens of a text.
    sed 's|^</body>|<script>q.value="SECOND";q.dispatchEvent(new Event("input"));const t=document.querySelectorAll(".t")[2];t.focus();t.dispatchEvent(new FocusEvent("focusin",{bubbles:true}));document.body.dataset.told=v.textContent;q.value="";filter();const u=document.querySelectorAll(".t")[1];u.focus();u.dispatchEvent(new FocusEvent("focusin",{bubbles:true}));u.dispatchEvent(new KeyboardEvent("keydown",{key:"ArrowRight",bubbles:true}));document.body.dataset.moved=v.textContent;q.value="second";filter();</script>&|' page.html >driven.html
    "$TOKENWISE_CHROMIUM" --headless --no-sandbox --disable-gpu --dump-dom "file://$PWD/driven.html" >dom 2>/dev/null
    grep -q '<span id="n">1 of 2 groups</span>' dom
    [ "$(grep -c '<section tabindex="-1" hidden="">' dom)" -eq 1 ]
    grep -q 'data-told="2  ' dom
    grep -q 'data-moved="1  ' dom
}

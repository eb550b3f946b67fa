# The runner's program around a format's `convert`: what `records protect` makes of each line
# of the input comes in; records go out, and in their place a string where there is none to
# be had: "!what is wrong, and where" or "~" (fewer than two samples that were compared).
# "=" in front of a record: it is a pair of equal texts.
include "check";

def checked_id:
  if .id == null then del(.id)
  elif .id | marked("N") and (unmark | test("^[0-9]+$")) then .
  elif .id | is_text then .
  elif .id | num | type == "number" and . >= 0 and . == floor then .id |= (num | floor)
  else .id |= expected(["id"]; "a string or a non-negative integer") end;

def weighed:
  (if .annotator == null then null
   else $settings.weights[.annotator | text] end) as $weight
  | if $weight != null then .weight = $weight else . end
  | if .weight == null then del(.weight)
    elif number(["weight"]) > 0 then . else .weight |= expected(["weight"]; "a positive number") end;

# id and prompt first, where people look for them.
def finish:
  checked_id | weighed | (if has("id") then {id} else {} end) + {prompt, samples} + .;

# Nobody can prefer a text to itself.
def tied: if .samples | length == 2 and .[0].text == .[1].text then "=", (.samples[].rank = 1) else . end;

def judged:
  if .samples | length < 2 then "~"
  elif any(.samples[]; .rank != null or .score != null) then tied
  else error("samples: none of them has a rank or a score") end;

# NaN and the like are no JSON; a rating may be one, and is then missing.
def no_nan:
  (first(paths(marked("X"))) // null) as $path
  | if $path == null then . else at($path) | expected($path; "a JSON value") end;

def clean: tostring | gsub("\u0001[NXE]"; "") | gsub("[\\x00-\\x1f\\x7f]"; "?");

def run(convert):
  inputs as $in
  | if $in | type == "string" then $in else
    # All the records of a line, or none.
    [try [$in.record | convert | finish | if $in.strange then no_nan else . end
        | if $settings.gather then . else judged end]
     catch ["!\($in.at): \(clean)"]] | .[0][] end;

# A record for each prompt (and annotator), in the order in which they were first seen.
def gather:
  [inputs]
  | (.[] | select(type == "string")), (
    map(select(type == "object")) | to_entries
    | group_by([.value.prompt, .value.annotator]) | sort_by(.[0].key) | .[]
    | .[0].value + {samples: (map(.value.samples[]) | rank_by_score)} | judged);

# The runner's program around a format's `convert`: JSON strings, each a line of the input,
# come in; records go out, and in their place a string where there is none to be had:
# "!what is wrong, and where" or "~" (fewer than two samples that were compared).
include "check";

def checked_id:
  if .id == null then del(.id)
  elif .id | type == "string" or (type == "number" and . >= 0 and . == floor) then .
  else .id |= expected(["id"]; "a string or a non-negative integer") end;

def weighed:
  (if .annotator == null then null else $settings.weights[.annotator | tostring] end) as $weight
  | if $weight != null then .weight = $weight else . end
  | if .weight == null then del(.weight)
    elif number(["weight"]) > 0 then . else .weight |= expected(["weight"]; "a positive number") end;

# id and prompt first, where people look for them.
def finish:
  checked_id | weighed | (if has("id") then {id} else {} end) + {prompt, samples} + .;

def judged:
  if .samples | length < 2 then "~"
  elif any(.samples[]; .rank != null or .score != null) then .
  else error("samples: none of them has a rank or a score") end;

def parse:
  if . == 0 then error("not UTF-8")
  elif . == 1 then error("not JSON: a control character")
  elif test("^[ \\t\\r]*$") then error("expected a JSON object, got an empty line")
  else [try [fromjson] catch (split(" (while parsing")[0])] | .[0] end
  # An error outside of try: jq 1.6 lets it catch those further down the pipe as well.
  | if type == "array" then .[0] else error("not JSON: \(.)") end
  | if type == "object" then . else error("expected a JSON object, got \(kind)") end;

def run(convert):
  foreach inputs as $line (0; . + 1;
    . as $number | $line
    # All the records of a line, or none.
    | [try [parse | convert | finish | if $settings.gather then . else judged end]
       catch ["!\($settings.place | sub("%"; "\($number)")): "
        + (tostring | gsub("[\\x00-\\x1f\\x7f]"; "?"))]] | .[0][]);

# A record for each prompt (and annotator), in the order in which they were first seen.
def gather:
  [inputs]
  | (.[] | select(type == "string")), (
    map(select(type == "object")) | to_entries
    | group_by([.value.prompt, .value.annotator]) | sort_by(.[0].key) | .[]
    | .[0].value + {samples: (map(.value.samples[]) | rank_by_score)} | judged);

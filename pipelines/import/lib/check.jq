# Looking into a record of somebody else's: each of these takes a path as an array, and
# fails with the name of the field, what was expected there, and what is there.

# A number that jq would change came as a string, between marks (../../records/records.h).
def marked($letter): type == "string" and startswith("\u0001" + $letter);
def unmark: .[2:-2];
def is_text: type == "string" and (marked("N") or marked("X") | not);
# As a number, where its value matters.
def num: if marked("N") then unmark | tonumber else . end;
# As a string of its digits.
def text: if marked("N") then unmark else tostring end;

def kind:
  if . == null then "nothing" elif . == true then "true" elif . == false then "false"
  elif type == "number" then "the number \(.)" elif marked("N") then "the number \(unmark)"
  elif marked("X") then unmark elif type == "string" then "a string"
  elif type == "array" then "an array" else "an object" end;

def name:
  reduce .[] as $part (""; . + if $part | type == "number" then "[\($part)]"
    elif . == "" then $part else ".\($part)" end);

def expected($path; $what): error("\($path | name): expected \($what), got \(kind)");

# The value at a path, null where there is none.
def at($path):
  reduce range($path | length) as $i (.;
    if . == null then .
    elif $path[$i] | type == "number" then
      if type == "array" then .[$path[$i]] else expected($path[:$i]; "an array") end
    elif type == "object" then .[$path[$i]]
    elif $i == 0 then error("expected a JSON object, got \(kind)")
    else expected($path[:$i]; "an object") end);

def string($path): at($path) | if is_text then . else expected($path; "a string") end;
def list($path): at($path) | if type == "array" then . else expected($path; "an array") end;
def object($path): at($path) | if type == "object" then . else expected($path; "an object") end;
def number($path):
  at($path) | num | if type == "number" and (isnan or isinfinite | not) then .
    else expected($path; "a number") end;
def number_if_any($path): if at($path) == null then null else number($path) end;

# What a rater gave: a number or its text; what is neither, a NaN too, is missing.
def rating: if marked("X") then null else num | [try tonumber catch null][0] end
  | if type == "number" and (isnan or isinfinite | not) then . else null end;

# A rank: 1 is best. Tables hold integers as 1.0, too.
def rank($path):
  number($path) | if . >= 1 and . == floor then floor else expected($path; "an integer of at least 1") end;

# Sample fields that are null are left out.
def present: with_entries(select(.value != null));

# Ranks from scores, highest first, ties sharing; every sample has one.
def rank_by_score:
  to_entries | group_by(.value.score) | reverse
  | [foreach .[] as $tied ({next: 1}; {rank: .next, next: (.next + ($tied | length))};
      .rank as $rank | $tied[] | .value.rank = $rank)]
  | sort_by(.key) | map(.value);

# Samples that nobody compared with the others say nothing about the order: they go to
# `uncompared`, while one without rank among `samples` was there and not chosen.
def compared(judged):
  {samples: map(select(judged)), uncompared: map(select(judged | not))}
  | if .uncompared == [] then del(.uncompared) else . end;

# One preferred to another. Equal scores are a tie, whatever the columns are called.
def pair($prompt; $chosen; $rejected; $score_chosen; $score_rejected):
  {prompt: $prompt, samples: [
    ({text: $chosen, score: $score_chosen, rank: 1} | present),
    ({text: $rejected, score: $score_rejected,
      rank: (if $score_chosen != null and $score_chosen == $score_rejected then 1 else 2 end)} | present)]};

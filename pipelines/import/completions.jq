# Lists side by side: prompt, completions, and scores or ranks (null: none)
include "check";
include "messages";
def convert:
  . as $record
  | (list(["completions"]) | length) as $count
  | (if .ranks != null then "ranks" else "scores" end) as $judged
  | list([$judged])
  | if length != $count then error("\($judged): expected \($count), one a completion, got \(length)") else . end
  | $record
  | [range($count) as $i | {
      text: reply_at(["completions", $i]),
      score: (if at(["scores", $i]) | marked("X") then null else number_if_any(["scores", $i]) end),
      rank: (if at(["ranks", $i]) == null then null else rank(["ranks", $i]) end)} | present]
  | (if $judged == "ranks" then {samples: .}
     else compared(.score) | .samples |= rank_by_score end) as $samples
  | $record | del(.completions, .scores, .ranks) + {prompt: prompt_at(["prompt"])} + $samples;

# distilabel: instruction (or input), generations (or candidates), ratings or ranks
include "check";

def first_of($names): . as $record | first($names[] | select($record[.] != null)) // $names[0];

# A generation that failed is null: nobody compared it.
def convert:
  . as $record
  | first_of(["instruction", "input", "prompt"]) as $prompt
  | first_of(["generations", "candidates"]) as $texts
  | first_of(["ratings", "rating", "ranks"]) as $judged
  | first_of(["generation_models", "model_names"]) as $models
  | (list([$texts]) | length) as $count
  | list([$judged]) | if length != $count then
      error("\($judged): expected \($count), one a generation, got \(length)") else . end
  | $record
  | [range($count) as $i | select(at([$texts, $i]) != null)
     | {text: string([$texts, $i]), model: at([$models, $i])}
     + (if $judged == "ranks" then {rank: (if at([$judged, $i]) == null then null else rank([$judged, $i]) end)}
        else {score: (at([$judged, $i]) | rating)} end)
     | present]
  | compared(.score // .rank)
  | if $judged == "ranks" then . else .samples |= rank_by_score end
  | . as $samples | $record
  | string([$prompt]) as $text
  | del(.[$prompt, $texts, $judged, $models], .distilabel_metadata) + {prompt: $text} + $samples;

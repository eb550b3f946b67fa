# UltraFeedback (openbmb): instruction, completions with annotations; scored by their mean rating
include "check";

# The mean of what the aspects' "Rating" says: "1" to "5", or "N/A". Else overall_score.
def ratings($path):
  at($path + ["annotations"])
  | if type == "object" then with_entries(.value |= ([try .Rating catch null][0] | rating)) | present else {} end;

def convert:
  . as $record
  | [range(list(["completions"]) | length) as $i | $record | ["completions", $i] as $path
     | ratings($path) as $ratings
     | at($path) as $given
     | {text: string($path + ["response"]),
        score: (if $ratings == {} then number_if_any($path + ["overall_score"])
                else ($ratings | add / length) end),
        ratings: (if $ratings == {} then null else $ratings end)}
     + ($given | {model, principle, custom_system_prompt, overall_score})
     | present]
  | compared(.score) | .samples |= rank_by_score
  | . as $samples | $record
  | del(.instruction, .completions) + {prompt: string(["instruction"])} + $samples;

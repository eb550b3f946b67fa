# Anthropic HH-RLHF: chosen, rejected; two transcripts that part at the last reply
include "check";
def convert:
  "\n\nAssistant:" as $turn
  | string(["chosen"]) as $chosen | string(["rejected"]) as $rejected
  | ($chosen | split($turn)) as $parts
  | if $parts | length < 2 then error("chosen: expected a transcript with \"\\n\\nAssistant:\"") else . end
  | ($parts[:-1] | join($turn) + $turn) as $prompt
  | if $rejected | startswith($prompt) | not then
      error("rejected: expected the transcript of chosen up to its last reply")
    else . end
  | if $parts[-1] | contains("\n\nHuman:") then error("chosen: goes on after its last reply") else . end
  | ($rejected | ltrimstr($prompt)) as $reply
  | if $reply | contains("\n\nHuman:") then error("rejected: goes on after the reply that chosen ends with")
    else . end
  | del(.chosen, .rejected) + pair($prompt; $parts[-1]; $reply; null; null);

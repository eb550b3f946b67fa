# LM Arena human preference 55k: prompt, response_a, response_b, winner_model_a, _b, winner_tie
include "check";
include "messages";

# Turns as an array, or as the JSON text of one.
def turns($name):
  at([$name]) | if is_text then [try fromjson catch .][0] else . end
  | if type == "array" and length > 0 then . else expected([$name]; "an array of turns, or its JSON") end;

# All that follows the first prompt is the text: the conversations part from there. A turn
# that a model did not answer (null) is empty.
def side($prompts; $name):
  turns($name)
  | if length != ($prompts | length) then
      error("\($name): expected \($prompts | length) turns, one a prompt, got \(length)") else . end
  | if all(.[]; type == "string" or . == null) then map(. // "") else expected([$name]; "strings in it") end
  | . as $replies
  | [range(length) as $i | {speaker: "Human", text: $prompts[$i]}, {speaker: "Assistant", text: $replies[$i]}]
  | .[1:] | as_reply([$name]);

def flag($name): at([$name]) | num | if . == 1 or . == true or . == "1" then 1
  elif . == 0 or . == false or . == "0" then 0 else expected([$name]; "0 or 1") end;

def convert:
  (turns("prompt") | if all(.[]; type == "string") then . else expected(["prompt"]; "strings in it") end) as $prompts
  | [flag("winner_model_a"), flag("winner_model_b"), flag("winner_tie")]
  as $won
  | if $won | add != 1 then error("winner_tie: expected one of the three winners to be 1") else . end
  | {text: side($prompts; "response_a"), rank: (if $won[1] == 1 then 2 else 1 end), model: .model_a} as $a
  | {text: side($prompts; "response_b"), rank: (if $won[0] == 1 then 2 else 1 end), model: .model_b} as $b
  | with_entries(select(.key | test("^(response|model)_[ab]$|^winner_") | not))
    + {prompt: $prompts[0], samples: [($a | present), ($b | present)]};

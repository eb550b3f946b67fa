# `chosen` and `rejected` in all the shapes that TRL's documentation names: text or
# messages, beside a prompt or beginning with it.
include "check";
include "messages";

# Both are whole conversations: what they share is the prompt.
def split_messages($chosen; $rejected):
  ([common($chosen; $rejected), ($chosen | length) - 1, ($rejected | length) - 1] | min) as $n
  | if $n < 1 then error("chosen: shares no message with rejected, and there is no prompt") else
    {prompt: ($chosen[:$n] | as_prompt), chosen: ($chosen[$n:] | as_reply(["chosen"])),
     rejected: ($rejected[$n:] | as_reply(["rejected"]))} end;

# The prompt ends before the word in which they first differ.
def split_text($chosen; $rejected):
  ($chosen | explode) as $c | ($rejected | explode) as $r
  | $c[:common($c; $r)] | (map(. == 32 or . == 10) | rindex([true])) as $at
  | if $at == null then error("chosen: begins as rejected does not, and there is no prompt")
    else {prompt: ($c[:$at] | implode), chosen: ($c[$at:] | implode), rejected: ($r[$at:] | implode)} end;

def whole($path): messages($path) | if length > 0 and .[0].speaker != "Assistant" then . else null end;

def split_pair:
  if at(["chosen"]) | type == "array" then
    whole(["chosen"]) as $chosen | whole(["rejected"]) as $rejected
    | if $chosen != null and $rejected != null then split_messages($chosen; $rejected)
      else {prompt: prompt_at(["prompt"]), chosen: reply_at(["chosen"]), rejected: reply_at(["rejected"])} end
  elif .prompt == null then split_text(string(["chosen"]); string(["rejected"]))
  else {prompt: prompt_at(["prompt"]), chosen: reply_at(["chosen"]), rejected: reply_at(["rejected"])} end;

def chosen_and_rejected($score_chosen; $score_rejected):
  split_pair as $text
  | del(.prompt, .chosen, .rejected)
    + pair($text.prompt; $text.chosen; $text.rejected; $score_chosen; $score_rejected);

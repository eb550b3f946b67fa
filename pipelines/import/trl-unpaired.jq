# TRL unpaired preference: prompt, completion, label; gathered into a record a prompt
include "check";
include "messages";
def convert:
  (at(["label"]) | if type == "boolean" then . else expected(["label"]; "true or false") end) as $liked
  | del(.completion, .label)
    + {prompt: prompt_at(["prompt"]),
       samples: [{text: reply_at(["completion"]), score: (if $liked then 1 else 0 end)}]};

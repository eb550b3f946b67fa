# Nectar (berkeley-nest): prompt, answers with rank 1 to 7
include "check";
def convert:
  . as $record
  | [range(list(["answers"]) | length) as $i | $record
     | {text: string(["answers", $i, "answer"]), rank: rank(["answers", $i, "rank"]),
        model: at(["answers", $i, "model"])} | present] as $samples
  | $record | del(.answers) + {prompt: string(["prompt"]), samples: $samples};

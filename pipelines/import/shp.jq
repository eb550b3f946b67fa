# Stanford Human Preferences: history, human_ref_A and _B, labels (1: A is preferred), scores
include "check";
def convert:
  ((.labels | num) as $preferred | if $preferred == 1 then "A" elif $preferred == 0 then "B"
   else at(["labels"]) | expected(["labels"]; "1 (A is preferred) or 0 (B)") end) as $best
  | [("A", "B") as $letter
     | {text: string(["human_ref_" + $letter]), score: number_if_any(["score_" + $letter]),
        rank: (if $letter == $best then 1 else 2 end), comment_id: .["c_root_id_" + $letter]} | present] as $samples
  | with_entries(select(.key | test("^(history|labels|(human_ref|score|c_root_id)_[AB])$") | not))
    + {prompt: string(["history"]), samples: $samples};

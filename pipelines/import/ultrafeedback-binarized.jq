# UltraFeedback binarized (HuggingFaceH4, argilla): chosen and rejected messages with their scores
include "check";
include "pairs";
def convert:
  number_if_any([first(("score_chosen", "chosen-rating", "chosen_rating") as $n | select(has($n)) | $n) // "score_chosen"]) as $chosen
  | number_if_any([first(("score_rejected", "rejected-rating", "rejected_rating") as $n | select(has($n)) | $n) // "score_rejected"]) as $rejected
  | (if .prompt_id != null then {id: string(["prompt_id"])} else {} end)
    + (del(.messages, .prompt_id) | chosen_and_rejected($chosen; $rejected));

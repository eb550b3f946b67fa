# Argilla ranking questions: fields, responses (SDK 1 and 2); a record for each annotator
include "check";

# Both shapes as [{question, user, ranks: {option: rank}}]. SDK 2 lists options best first,
# SDK 1 says {value, rank}, where ties share.
def is_ranking: type == "array" and length > 0
  and all(.[]; type == "string" or (type == "object" and has("value") and has("rank")));
def ranks($path):
  . as $record | reduce range(at($path) | length) as $i ({};
    ($record | at($path + [$i])) as $option
    | if $option | type == "string" then .[$option] = $i + 1
      elif $option.rank == null then .
      else .[$record | string($path + [$i, "value"])] = ($record | rank($path + [$i, "rank"])) end);
# The field that holds an option's text: of its name, else of one that differs in case and marks
# only, as "reply-1" does from "reply_1".
def bare: ascii_downcase | gsub("[^a-z0-9]"; "");
def field_of($option):
  .fields | if has($option) then $option
    else [keys_unsorted[] | select(bare == ($option | bare))]
      | if length == 1 then .[0] else $option end end;

def answers:
  . as $record
  | at(["responses"])
  | if type == "array" then
      range(length) as $i | .[$i] | select((.status // "submitted") == "submitted")
      | (.values // {} | keys_unsorted[]) as $question
      | ["responses", $i, "values", $question, "value"] as $path
      | {question: $question, user: .user_id, path: $path}
    elif type == "object" then
      keys_unsorted[] as $question | range(.[$question] | length) as $i
      | {question: $question, user: .[$question][$i].user_id, path: ["responses", $question, $i, "value"]}
    elif . == null then empty
    else expected(["responses"]; "an array or an object") end
  | .path as $path | select($record | at($path) | is_ranking)
  | .ranks = ($record | ranks($path)
      | with_entries(.key |= (. as $option | $record | field_of($option))));

def number_free: gsub("[0-9]+"; "#");

def prompt_field($options):
  .fields as $fields
  | if $settings.prompt_field then $settings.prompt_field
    else first(("prompt", "instruction", "input", "question") | select($fields[.] != null))
      // ([$fields | keys_unsorted[] | select(. as $key | $options | index($key) | not)]
          | if length == 1 then .[0]
            else error("fields: no prompt, instruction, input or question: name it with --prompt-field") end)
    end;

def convert:
  . as $record
  | object(["fields"])
  | [$record | answers | select(($settings.question // .question) == .question)] as $answers
  | ($answers | map(.question) | unique) as $questions
  | if $questions | length > 1 then
      error("responses: rankings \($questions | join(", ")): choose one with --question") else . end
  | [$answers[].ranks | keys_unsorted[]] as $ranked
  # Options that nobody ranked are the fields that are named alike.
  | ($ranked + [keys_unsorted[] | select(. as $key | any($ranked[]; number_free == ($key | number_free)))]
     | unique) as $options
  | $record | select($answers != [])
  | prompt_field($options) as $prompt
  | $answers[] as $answer
  | $record
  | [($options - [$prompt])[] | . as $option | $record
     | {text: string(["fields", $option]), rank: $answer.ranks[$option], field: $option} | present] as $samples
  | {id: (((.id // .external_id // ._server_id) as $id | if $id then "\($id | text)/" else "" end) + ($answer.user | text)),
     prompt: string(["fields", $prompt]), samples: $samples, annotator: $answer.user}
    + (if .metadata != null and .metadata != {} then {metadata} else {} end);

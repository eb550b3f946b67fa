# Label Studio ranker (JSON export): items, annotations; a record for each annotator
include "check";

def user: if type == "object" then .id else . end;

# {item: rank} of a list of ids, best first; or of buckets, best first, ties within one.
# What stays in "_" was not picked.
def ranks($path):
  . as $record | at($path) as $value
  | if $value | type == "array" then
      reduce range($value | length) as $i ({}; .[$value[$i] | text] = $i + 1)
    elif $value | type != "object" then $value | expected($path; "an array or an object")
    elif ($value | length == 1) and ($value | has("_") | not) then
      ($value | keys[0]) as $key | $record | ranks($path + [$key])
    elif $settings.buckets == null then
      error("\($path | name): buckets \($value | keys_unsorted | join(", ")): say their order with --buckets")
    else
      reduce $settings.buckets[] as $bucket ({}; length as $better
        | reduce ($record | at($path + [$bucket]) // [])[] as $item (.; .[$item | text] = $better + 1))
    end;

def prompt_text:
  (($settings.prompt_field // first(("prompt", "instruction", "text", "question") as $n | select(.data[$n] != null) | $n)) // "prompt")
  as $name | string(["data", $name]);

# The list that the ranker orders; its items have an id, and a body, HTML or a title.
def items_field:
  .data as $data
  | first($data | keys_unsorted[] | select($data[.] | type == "array" and length > 0
      and all(.[]; type == "object" and has("id")))) // "items";

def convert:
  . as $record
  | object(["data"])
  | $record | items_field as $items
  | (list(["data", $items]) | length) as $count
  | range(list(["annotations"]) | length) as $a
  | select(at(["annotations", $a, "was_cancelled"]) != true)
  | range(at(["annotations", $a, "result"]) // [] | length) as $r
  | ["annotations", $a, "result", $r] as $path
  | select(at($path + ["type"]) == "ranker"
      and ($settings.question == null or $settings.question == at($path + ["from_name"])))
  | ranks($path + ["value", "ranker"]) as $ranks
  | (at(["annotations", $a, "completed_by"]) | user) as $user
  | [range($count) as $i | ["data", $items, $i] as $item
     | (at($item + ["id"]) | text) as $id
     | (first(("body", "html") | . as $part | select($record | at($item + [$part]) != null)) // "title") as $part
     | {text: string($item + [$part]), rank: $ranks[$id], item: $id} | present] as $samples
  | ($ranks | keys_unsorted - ($samples | map(.item))) as $unknown
  | if $unknown != [] then error("\($path + ["value", "ranker"] | name): no item has the id \($unknown[0])") else . end
  | {id: "\(.id | text)/\($user | text)", prompt: prompt_text, samples: $samples, annotator: $user};

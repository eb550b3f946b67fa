# OpenAssistant trees: a record for each message with ranked replies of the assistant
include "check";
include "messages";

# rank 0 is best; null where people did not rank that reply.
def replies($path):
  . as $record
  | [range(at($path + ["replies"]) // [] | length) as $i | $record | ($path + ["replies", $i]) as $reply
     | select(at($reply + ["role"]) == "assistant" and at($reply + ["deleted"]) != true)
     | {text: string($reply + ["text"]),
        rank: (if at($reply + ["rank"]) == null then null else
          number($reply + ["rank"]) | if . >= 0 and . == floor then . + 1
            else expected($reply + ["rank"]; "an integer of at least 0") end end),
        message_id: at($reply + ["message_id"]), model: at($reply + ["model_name"])} | present];

# Walks down from a message; $said is the conversation up to and with it.
def walk_tree($path; $said):
  . as $record
  | (($said + [{speaker: speaker($path + ["role"]), text: string($path + ["text"])}])) as $now
  | (if $now[-1].speaker == "Human" then
      replies($path) | compared(.rank)
      | select(.samples | length > 0)
      | {id: ($record | string($path + ["message_id"])), prompt: ($now | as_prompt)} + .
        + ($record | {lang: at($path + ["lang"]), message_tree_id} | present)
     else empty end),
    (range(at($path + ["replies"]) // [] | length) as $i
     | walk_tree($path + ["replies", $i]; $now));

def convert: object(["prompt"]) as $prompt | walk_tree(["prompt"]; []);

# Conversations, [{role, content}], as text. A lone message of the user is a prompt as it
# stands; a longer conversation is written out as Anthropic's sets do it, and ends in
# "\n\nAssistant:". A reply of several messages goes on in the same way.
include "check";

def speaker($path):
  {user: "Human", human: "Human", prompter: "Human", assistant: "Assistant", system: "System",
   tool: "Tool"}[string($path)] // error("\($path | name): unknown role \(at($path))");

# Content is a string, or parts of which we take the text.
def content($path):
  if at($path) | type == "array" then
    . as $record | [range(at($path) | length) as $i | $record | string($path + [$i, "text"])] | add // ""
  else string($path) end;

# The messages at a path, checked: [{speaker, text}]. An empty message of the system says nothing.
def messages($path):
  . as $record | [range(list($path) | length) as $i
    | $record | {speaker: speaker($path + [$i, "role"]), text: content($path + [$i, "content"])}
    | select(.speaker != "System" or (.text | test("\\S")))];

def transcript: map("\n\n\(.speaker): \(.text)") | add // "";

def as_prompt:
  if length == 1 and .[0].speaker == "Human" then .[0].text else transcript + "\n\nAssistant:" end;

def as_reply($path):
  if length == 0 or .[0].speaker != "Assistant" then error("\($path | name): expected a message of the assistant")
  else .[0].text + (.[1:] | transcript) end;

# A prompt or a reply that is either text or messages.
def prompt_at($path): if at($path) | type == "array" then messages($path) | as_prompt else string($path) end;
def reply_at($path):
  if at($path) | type == "array" then messages($path) | as_reply($path) else string($path) end;

def common($a; $b):
  ([$a, $b] | map(length) | min) as $most
  | first(range($most) | select($a[.:. + 1] != $b[.:. + 1])) // $most;

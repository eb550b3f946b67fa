# OpenAI summarize-from-feedback comparisons: info, summaries, choice; worker and confidence kept
include "check";

# The queries that the paper's models saw: posts of Reddit, or news.
def query:
  if at(["info", "article"]) != null then "Article:\n\(string(["info", "article"]))\n\nTL;DR:"
  else "SUBREDDIT: r/\(string(["info", "subreddit"]))\n\nTITLE: \(string(["info", "title"]))\n\n"
    + "POST: \(string(["info", "post"]))\n\nTL;DR:" end;

# Of two, the other one is second; of more, only the choice is known.
def convert:
  . as $record
  | (list(["summaries"]) | length) as $count
  | number(["choice"])
  | if . >= 0 and . < $count and . == floor then . else
      expected(["choice"]; "an index of summaries (\($count) of them)") end
  | . as $choice | $record
  | [range($count) as $i
     | {text: string(["summaries", $i, "text"]),
        rank: (if $i == $choice then 1 elif $count == 2 then 2 else null end),
        policy: at(["summaries", $i, "policy"])} | present] as $samples
  | query as $prompt
  | (object(["info"]) | del(.post, .article)) as $info
  | ({annotator: .worker, confidence: at(["extra", "confidence"]), info: $info} | present) as $more
  | del(.summaries, .choice, .worker, .info) + {prompt: $prompt, samples: $samples} + $more;

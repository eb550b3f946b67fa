# TRL preference pairs: prompt, chosen, rejected; text or messages, the prompt apart or not
include "check";
include "pairs";
def convert:
  at([]) | chosen_and_rejected(null; null);

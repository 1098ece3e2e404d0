-- ingest.accept: usage is stored when the organization lets it leave and its numbers can be true.

local function deny(rule, reason)
  return { allow = false, effect = "deny", rule = rule, reason = reason, code = "policy_denied" }
end

function decide(input)
  if input.org.privacy == "local_only" then
    return deny("privacy.local_only", "The privacy tier is local_only: usage stays on your machines.")
  end
  local counters = input.block.counters
  if counters.errors > counters.requests then
    return deny("counters.errors", "A block cannot have more errors than requests.")
  end
  local tokens = counters.input_tokens + counters.output_tokens + counters.cache_read_tokens + counters.cache_write_tokens
  if counters.requests == 0 and tokens > 0 then
    return deny("counters.tokens", "A block without requests cannot have tokens.")
  end
  return { allow = true, effect = "allow", rule = "usage.plausible", reason = "The block is accepted." }
end

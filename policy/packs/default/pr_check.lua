-- pr.check: new findings of high severity fail the check, others are shown; a run that did not end well says so.

local MOST = 30  -- annotations; the answer as a whole has at most 256 values
local RANK = { info = 1, low = 2, medium = 3, high = 4, critical = 5 }
local LEVEL = { info = "notice", low = "notice", medium = "warning", high = "failure", critical = "failure" }

local function plural(count, word)
  return count .. " " .. word .. (count == 1 and "" or "s")
end

-- The gravest first, then by place.
local function before(a, b)
  if RANK[a.severity] ~= RANK[b.severity] then return RANK[a.severity] > RANK[b.severity] end
  if a.path ~= b.path then return a.path < b.path end
  return (a.line or 0) < (b.line or 0)
end

local function annotate(findings)
  local out = {}
  for _, finding in ipairs(findings) do
    if #out == MOST then break end
    local line = finding.line or 1
    table.insert(out, {
      path = finding.path,
      start_line = line,
      end_line = math.max(line, finding.end_line or line),
      annotation_level = LEVEL[finding.severity],
      message = finding.message ~= "" and finding.message or finding.rule,
      title = finding.rule,
    })
  end
  return out
end

local function answer(allow, conclusion, rule, title, summary, annotations)
  return {
    allow = allow,
    effect = conclusion,
    conclusion = conclusion,
    rule = rule,
    reason = title,
    title = title,
    summary = summary,
    annotations = annotations,
  }
end

function decide(input)
  local run = input.run
  if run.status ~= "succeeded" then
    return answer(false, "action_required", "run." .. run.status, "The job did not finish",
      "The job `" .. run.job .. "` ended as " .. run.status .. "; run it again.")
  end
  local fresh, grave = {}, 0
  for _, finding in ipairs(input.findings) do
    if finding.new then
      table.insert(fresh, finding)
      if RANK[finding.severity] >= RANK.high then grave = grave + 1 end
    end
  end
  local old = #input.findings - #fresh
  local summary = plural(#fresh, "new finding") .. ", " .. plural(old, "finding") .. " that the baseline has already."
  if #fresh == 0 then
    return answer(true, "success", "findings.none", "No new findings", summary)
  end
  table.sort(fresh, before)
  local annotations = annotate(fresh)
  if grave == 0 then
    return answer(true, "neutral", "findings.minor", plural(#fresh, "new finding") .. ", none grave", summary, annotations)
  end
  local title = plural(grave, "grave new finding")
  if input.pull_request.draft then
    return answer(true, "neutral", "findings.draft", title .. " in a draft", summary, annotations)
  end
  return answer(false, "failure", "findings.grave", title, summary, annotations)
end

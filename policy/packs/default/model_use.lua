-- model.use: takes the lane that was asked for when the plan and the content allow it, else the best that they do.

local lanes = ccp.data.lanes

local function has(list, wanted)
  for _, each in ipairs(list) do
    if each == wanted then return true end
  end
  return false
end

local function usable(input, lane)
  if not has(input.lanes, lane) then return false, "The lane " .. lane .. " is not available." end
  local feature = lanes.needs_feature[lane]
  if feature and not has(input.features, feature) then
    return false, "The lane " .. lane .. " needs " .. feature .. ", which the plan does not include."
  end
  local request = input.request
  if request and request.sensitivity == "confidential" and has(lanes.not_for_confidential, lane) then
    return false, "Confidential content does not go to the lane " .. lane .. "."
  end
  return true
end

function decide(input)
  local why = "No lane is available."
  if input.lane ~= "" then
    local fine
    fine, why = usable(input, input.lane)
    if fine then
      return { allow = true, effect = "route", rule = "lane.asked", reason = "As asked for.", lane = input.lane }
    end
  end
  for _, lane in ipairs(lanes.preference) do
    if usable(input, lane) then
      return { allow = true, effect = "route", rule = "lane.preferred", reason = input.lane ~= "" and why or "The preferred lane.", lane = lane }
    end
  end
  return { allow = false, effect = "deny", rule = "lane.none", reason = why }
end

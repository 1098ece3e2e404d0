-- Host functions on lists of the input.
-- expect: {"allow":false,"reason":"3,1,2 3 3 1 2"}
function decide(input)
  local l = input.list
  local a, b, c = table.unpack(l)
  return { allow = false, reason = table.concat(l, ",") .. " " .. #l .. " " .. a .. " " .. b .. " " .. c }
end

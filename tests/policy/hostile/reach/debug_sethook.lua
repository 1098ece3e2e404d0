-- Switches the budget's hook off.
-- expect: runtime_error
function decide(input)
  debug.sethook()
  while true do end
end

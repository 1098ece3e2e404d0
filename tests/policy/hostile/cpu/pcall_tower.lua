-- Each level catches the fault of the one above.
-- expect: runtime_error
function decide(input)
  local function tower(n)
    if n == 0 then while true do end end
    pcall(tower, n - 1)
    while true do end
  end
  tower(100)
  return { allow = true }
end

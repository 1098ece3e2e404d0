-- Changes what methods of strings do.
-- expect: runtime_error
function decide(input)
  getmetatable("").__index = function() return function() return "owned" end end
  return { allow = ("x"):len() == "owned" }
end

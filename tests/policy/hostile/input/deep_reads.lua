-- Reads the same place for ever.
-- expect: timeout
function decide(input)
  while input.deep.a.b.c == 1 do end
end

-- Bytes that are no text.
-- expect: runtime_error
function decide(input) error("\xff\xfe\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80") end

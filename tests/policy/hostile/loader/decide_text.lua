-- decide is a text.
-- expect: load_error
decide = "return { allow = true }"

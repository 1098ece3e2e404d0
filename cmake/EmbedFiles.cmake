# Writes a .cpp with one look-up function over the given text files, keyed by file name.
string(REPLACE "|" ";" files "${FILES}")
set(body "")
set(data "")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(MAKE_C_IDENTIFIER "${name}" id)
  string(APPEND data "const char k_${id}[] = {${bytes}0};\n")
  string(APPEND body "  if (name == \"${name}\") return {k_${id}, sizeof(k_${id}) - 1};\n")
endforeach()
file(WRITE "${OUTPUT}" "#include <string_view>\n\nnamespace {\n${data}}\n\nnamespace ccp::embedded {\n"
  "std::string_view ${SYMBOL}(std::string_view name);\n"
  "std::string_view ${SYMBOL}(std::string_view name) {\n${body}  return {};\n}\n}\n")

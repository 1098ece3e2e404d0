# Writes a .cpp with a look-up function over the given text files, keyed by file name, or by the path below BASE,
# and a function that lists the keys.
string(REPLACE "|" ";" files "${FILES}")
set(body "")
set(data "")
set(names "")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  if(BASE)
    file(RELATIVE_PATH name "${BASE}" "${file}")
  endif()
  file(READ "${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(MAKE_C_IDENTIFIER "${name}" id)
  string(APPEND data "const char k_${id}[] = {${bytes}0};\n")
  string(APPEND names "\"${name}\", ")
  string(APPEND body "  if (name == \"${name}\") return {k_${id}, sizeof(k_${id}) - 1};\n")
endforeach()
file(WRITE "${OUTPUT}" "#include <string_view>\n#include <vector>\n\nnamespace {\n${data}}\n\nnamespace ccp::embedded {\n"
  "std::string_view ${SYMBOL}(std::string_view name);\n"
  "std::string_view ${SYMBOL}(std::string_view name) {\n${body}  return {};\n}\n"
  "const std::vector<std::string_view>& ${SYMBOL}_names();\n"
  "const std::vector<std::string_view>& ${SYMBOL}_names() {\n  static const std::vector<std::string_view> all{${names}};\n  return all;\n}\n}\n")

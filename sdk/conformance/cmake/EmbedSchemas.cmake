# Writes a .cpp with every <SCHEMAS>/<interface>/<operation>.{in,out}.json as text.
file(GLOB files "${SCHEMAS}/*/*.json")
list(SORT files)
set(rows "")
foreach(file IN LISTS files)
  file(READ "${file}" text)
  get_filename_component(name "${file}" NAME)
  get_filename_component(folder "${file}" DIRECTORY)
  get_filename_component(folder "${folder}" NAME)
  string(APPEND rows "    {\"${folder}\", \"${name}\", R\"ccp_schema(${text})ccp_schema\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "#include <string_view>\n\nnamespace ccp::kit {\nstruct EmbeddedSchema {\n  std::string_view interface_folder, file, text;\n};\n"
  "extern const EmbeddedSchema kEmbeddedSchemas[];\nconst EmbeddedSchema kEmbeddedSchemas[] = {\n${rows}    {{}, {}, {}}};\n}  // namespace ccp::kit\n")

# ccp_add_plugin(NAME SOURCES <files> MANIFEST plugin.json [FILES <files>] [LINK <libraries>])
# ccp_add_plugin(NAME LIBRARY <file.so> MANIFEST plugin.json [FILES <files>] [DEPENDS <targets or files>])
#
# Builds NAME.so with exactly one exported symbol and packs it for the loader:
#   ${CCP_PLUGIN_OUTPUT_DIRECTORY}/NAME/{NAME.so, FILES…, plugin.json, plugin.json.dsse}
# SOURCES are C, C++ or one Rust file (a crate root, built by rustc without cargo); only the language that
# they are written in needs to be enabled in the project. LIBRARY packs what something else built (cargo).
# NAME is the plugin's id with "_" for "-" and "." (acme_chat for acme.chat): the server looks for that folder.
# `files` of the manifest (SHA-256 of every packed file) is filled in here; id and version of the manifest
# become CCP_PLUGIN_ID and CCP_PLUGIN_VERSION in the code. FILES keep their path relative to the project.
# A folder conformance/ beside CMakeLists.txt comes along, unsigned, for `ccp plugin check`.
# The object library NAME_objects is the same code for unit tests (ccp/testing/fake_host.hpp).
# The manifest is signed with CCP_VENDOR_KEY_FILE inside CCP's own build; elsewhere with the key file that
# CCP_SIGNING_KEY names (`ccp plugin keygen`). A server in dev mode loads an unsigned package, others do not.
#
# ccp_add_plugin_test(NAME [SOURCES <files>])
# Builds NAME_test from SOURCES and the plugin's code (for Rust: from the plugin's own #[test] functions) and
# adds it to ctest. After find_package(ccp-sdk) the target NAME_check runs the conformance kit on the package.

# Where the Rust layer of the SDK lies: beside this file in CCP's source tree, in share/ccp when installed.
function(ccp_sdk_rust_dir out)
  foreach(dir IN ITEMS "${CCP_SDK_RUST_DIR}" "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../rust")
    if(dir AND EXISTS "${dir}/ccp_plugin.rs")
      get_filename_component(dir "${dir}" ABSOLUTE)
      set(${out} "${dir}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "ccp: the Rust layer of the SDK (ccp_plugin.rs) is not installed beside this CMake package; install the component sdk again")
endfunction()

# The rustc command that both the library and its test use: edition, identity of the plugin, the SDK's crate.
function(ccp_rustc out name id version)
  find_program(CCP_RUSTC rustc)
  if(NOT CCP_RUSTC)
    message(FATAL_ERROR "ccp: rustc is needed for ${name} (Debian: apt install rustc), or name it with -DCCP_RUSTC=<path>")
  endif()
  ccp_sdk_rust_dir(rust)
  set(crate "${CMAKE_CURRENT_BINARY_DIR}/${name}_rust/libccp_sdk.rlib")
  file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/${name}_rust")
  set(level "$<IF:$<CONFIG:Debug>,0,2>")
  add_custom_command(OUTPUT "${crate}"
    COMMAND "${CCP_RUSTC}" --edition 2021 --crate-type rlib --crate-name ccp_sdk -C opt-level=${level} -o "${crate}" "${rust}/ccp_plugin.rs"
    DEPENDS "${rust}/ccp_plugin.rs" "${rust}/ccp_abi.rs" "${rust}/ccp_json.rs" "${rust}/ccp_testing.rs"
    COMMENT "Compiling the Rust SDK" VERBATIM)
  set(${out} "${CMAKE_COMMAND}" -E env "CCP_PLUGIN_ID=${id}" "CCP_PLUGIN_VERSION=${version}" "${CCP_RUSTC}" --edition 2021
    -C opt-level=${level} --crate-name ccp_plugin_${name} --extern "ccp_sdk=${crate}" PARENT_SCOPE)
  set(CCP_RUST_CRATE "${crate}" PARENT_SCOPE)
endfunction()

function(ccp_add_plugin name)
  cmake_parse_arguments(A "" "MANIFEST;LIBRARY" "SOURCES;FILES;LINK;DEPENDS" ${ARGN})
  if(A_UNPARSED_ARGUMENTS OR NOT A_MANIFEST OR (A_SOURCES AND A_LIBRARY) OR NOT (A_SOURCES OR A_LIBRARY))
    message(FATAL_ERROR "ccp_add_plugin(${name}): give MANIFEST, and either SOURCES or LIBRARY (${A_UNPARSED_ARGUMENTS})")
  endif()
  get_filename_component(manifest "${A_MANIFEST}" ABSOLUTE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${manifest}")
  file(READ "${manifest}" text)
  string(JSON id GET "${text}" id)
  string(JSON version GET "${text}" version)
  if(NOT CCP_PLUGIN_OUTPUT_DIRECTORY)
    set(CCP_PLUGIN_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/plugins")
  endif()
  set(package "${CCP_PLUGIN_OUTPUT_DIRECTORY}/${name}")
  set(map "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/ccp_plugin.map")

  set(language C)
  foreach(source IN LISTS A_SOURCES)
    if(source MATCHES "\\.(cpp|cc|cxx|C|c\\+\\+)$")
      set(language CXX)
    elseif(source MATCHES "\\.rs$")
      set(language RUST)
    endif()
  endforeach()
  if(A_LIBRARY OR language STREQUAL "RUST")
    set(library "${package}/${name}.so")
    if(A_LIBRARY)
      get_filename_component(built "${A_LIBRARY}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_BINARY_DIR}")
      set(make_library COMMAND "${CMAKE_COMMAND}" -E copy "${built}" "${library}")
      set(inputs "${built}" ${A_DEPENDS})
    else()
      list(GET A_SOURCES 0 root)
      get_filename_component(root "${root}" ABSOLUTE)
      ccp_rustc(rustc ${name} "${id}" "${version}")
      # One -z,now for the linker, as for C and C++; cdylib exports what is marked #[no_mangle] alone.
      set(make_library COMMAND "${CMAKE_COMMAND}" -E make_directory "${package}"
        COMMAND ${rustc} --crate-type cdylib -C link-arg=-Wl,-z,now,-z,relro -C strip=symbols -o "${library}" "${root}")
      set(inputs ${A_SOURCES} "${CCP_RUST_CRATE}" ${A_DEPENDS})
      set_property(GLOBAL PROPERTY CCP_RUST_${name} "${rustc};--test;${root}")
      set_property(GLOBAL PROPERTY CCP_RUST_INPUTS_${name} "${inputs}")
    endif()
    add_custom_command(OUTPUT "${library}" ${make_library} DEPENDS ${inputs} COMMENT "Building plugin ${id}" VERBATIM)
    set(library_target "${library}")
  else()
    set(sdk ccp::abi)
    if(language STREQUAL "CXX")
      set(sdk ccp::sdk)
      if(NOT TARGET ccp::sdk)
        message(FATAL_ERROR "ccp: ${name} is written in C++, which needs nlohmann_json 3.10 or newer (Debian: apt install nlohmann-json3-dev) "
                            "and a project with CXX among its languages before find_package(ccp-sdk)")
      endif()
    endif()
    add_library(${name}_objects OBJECT ${A_SOURCES})
    target_link_libraries(${name}_objects PUBLIC ${sdk} ${A_LINK})
    target_include_directories(${name}_objects PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
    target_compile_definitions(${name}_objects PRIVATE CCP_PLUGIN_ID="${id}" CCP_PLUGIN_VERSION="${version}")
    if(language STREQUAL "CXX")
      target_compile_features(${name}_objects PUBLIC cxx_std_17)
    else()
      target_compile_features(${name}_objects PUBLIC c_std_11)
    endif()
    # Unique symbols would pin the library in memory and bind it to other plugins' copies.
    target_compile_options(${name}_objects PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
    set_target_properties(${name}_objects PROPERTIES POSITION_INDEPENDENT_CODE ON
      C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

    add_library(${name} MODULE $<TARGET_OBJECTS:${name}_objects>)
    target_link_libraries(${name} PRIVATE ${A_LINK})
    target_link_options(${name} PRIVATE "-Wl,--version-script=${map}" -Wl,-z,now -Wl,-z,relro)
    set_target_properties(${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name} LINKER_LANGUAGE ${language}
      LIBRARY_OUTPUT_DIRECTORY "${package}" LINK_DEPENDS "${map}")
    set(library "$<TARGET_FILE:${name}>")
    set(library_target ${name})
  endif()

  set(outputs "${package}/plugin.json")
  set(sources "")
  foreach(file IN LISTS A_FILES)
    get_filename_component(source "${file}" ABSOLUTE)
    list(APPEND sources "${source}")
  endforeach()
  set(sign_command "")
  set(key "")
  if(TARGET ccp-sign-manifest)
    set(key "${CCP_VENDOR_KEY_FILE}")
    set(sign_command COMMAND ccp-sign-manifest sign "${key}" "${package}/plugin.json" "${package}/plugin.json.dsse")
  elseif(CCP_SIGNING_KEY)
    get_filename_component(key "${CCP_SIGNING_KEY}" ABSOLUTE BASE_DIR "${CMAKE_BINARY_DIR}")
    find_program(CCP_PROGRAM ccp HINTS "${CCP_SDK_BIN_DIR}" REQUIRED)
    set(sign_command COMMAND "${CCP_PROGRAM}" plugin sign "${package}" --key "${key}" --quiet)
  endif()
  if(sign_command)
    list(APPEND outputs "${package}/plugin.json.dsse")
  endif()
  # Recorded exchanges for `ccp plugin check` lie beside the package; the manifest does not name them.
  file(GLOB_RECURSE exchanges CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/conformance/*.json")
  string(REPLACE ";" "|" files "${A_FILES}")
  add_custom_command(OUTPUT ${outputs}
    COMMAND "${CMAKE_COMMAND}" "-DTEMPLATE=${manifest}" "-DLIBRARY=${library}" "-DPACKAGE=${package}"
            "-DSOURCE_DIR=${CMAKE_CURRENT_SOURCE_DIR}" "-DFILES=${files}" -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/FillManifest.cmake"
    ${sign_command}
    DEPENDS ${library_target} "${manifest}" ${sources} ${exchanges} ${key} "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/FillManifest.cmake"
    COMMENT "Packing plugin ${id}" VERBATIM)
  add_custom_target(${name}_package ALL DEPENDS ${outputs})
  if(TARGET ccp_vendor_key)
    add_dependencies(${name}_package ccp_vendor_key)
  endif()
  if(CCP_SDK_BIN_DIR)
    find_program(CCP_PROGRAM ccp HINTS "${CCP_SDK_BIN_DIR}")
    if(CCP_PROGRAM)
      add_custom_target(${name}_check COMMAND "${CCP_PROGRAM}" plugin check "${package}" DEPENDS ${outputs} USES_TERMINAL VERBATIM)
    endif()
  endif()
endfunction()

function(ccp_add_plugin_test name)
  cmake_parse_arguments(A "" "" "SOURCES" ${ARGN})
  get_property(rust GLOBAL PROPERTY CCP_RUST_${name})
  if(rust)
    get_property(inputs GLOBAL PROPERTY CCP_RUST_INPUTS_${name})
    set(program "${CMAKE_CURRENT_BINARY_DIR}/${name}_test")
    add_custom_command(OUTPUT "${program}" COMMAND ${rust} -o "${program}" DEPENDS ${inputs} COMMENT "Building the tests of ${name}" VERBATIM)
    add_custom_target(${name}_test_build ALL DEPENDS "${program}")
    add_test(NAME ${name}_test COMMAND "${program}")
    return()
  endif()
  add_executable(${name}_test ${A_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${name}_objects)
  add_test(NAME ${name}_test COMMAND ${name}_test)
endfunction()

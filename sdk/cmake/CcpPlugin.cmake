# ccp_add_plugin(NAME SOURCES <files> MANIFEST plugin.json [FILES <files>] [LINK <libraries>])
#
# Builds NAME.so with exactly one exported symbol and packs it for the loader:
#   ${CCP_PLUGIN_OUTPUT_DIRECTORY}/NAME/{NAME.so, FILES…, plugin.json, plugin.json.dsse}
# `files` of the manifest (SHA-256 of every packed file) is filled in here; id and version of the manifest
# become CCP_PLUGIN_ID and CCP_PLUGIN_VERSION in the code. FILES keep their path relative to the project.
# The object library NAME_objects is the same code for unit tests (ccp/testing/fake_host.hpp).
# The manifest is signed with CCP_VENDOR_KEY_FILE inside CCP's own build; elsewhere with the key that
# CCP_SIGNING_KEY names, if `ccp-sign-manifest` is found. Without a signature the loader refuses a plugin.

function(ccp_add_plugin name)
  cmake_parse_arguments(A "" "MANIFEST" "SOURCES;FILES;LINK" ${ARGN})
  get_filename_component(manifest "${A_MANIFEST}" ABSOLUTE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${manifest}")
  file(READ "${manifest}" text)
  string(JSON id GET "${text}" id)
  string(JSON version GET "${text}" version)
  if(NOT CCP_PLUGIN_OUTPUT_DIRECTORY)
    set(CCP_PLUGIN_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/plugins")
  endif()
  set(package "${CCP_PLUGIN_OUTPUT_DIRECTORY}/${name}")

  add_library(${name}_objects OBJECT ${A_SOURCES})
  target_link_libraries(${name}_objects PUBLIC ccp::sdk ${A_LINK})
  target_include_directories(${name}_objects PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
  target_compile_definitions(${name}_objects PRIVATE CCP_PLUGIN_ID="${id}" CCP_PLUGIN_VERSION="${version}")
  target_compile_features(${name}_objects PUBLIC cxx_std_17)
  # Unique symbols would pin the library in memory and bind it to other plugins' copies.
  target_compile_options(${name}_objects PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  set_target_properties(${name}_objects PROPERTIES POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

  add_library(${name} MODULE $<TARGET_OBJECTS:${name}_objects>)
  target_link_libraries(${name} PRIVATE ${A_LINK})
  target_link_options(${name} PRIVATE "-Wl,--version-script=${CMAKE_CURRENT_FUNCTION_LIST_DIR}/ccp_plugin.map" -Wl,-z,now -Wl,-z,relro)
  set_target_properties(${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name} LINKER_LANGUAGE CXX
    LIBRARY_OUTPUT_DIRECTORY "${package}" LINK_DEPENDS "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/ccp_plugin.map")

  set(signer "")
  set(key "")
  if(TARGET ccp-sign-manifest)
    set(signer "$<TARGET_FILE:ccp-sign-manifest>")
    set(key "${CCP_VENDOR_KEY_FILE}")
  elseif(CCP_SIGNING_KEY)
    find_program(CCP_SIGN_MANIFEST ccp-sign-manifest)
    set(signer "${CCP_SIGN_MANIFEST}")
    set(key "${CCP_SIGNING_KEY}")
  endif()
  set(outputs "${package}/plugin.json")
  set(sources "")
  foreach(file IN LISTS A_FILES)
    get_filename_component(source "${file}" ABSOLUTE)
    list(APPEND sources "${source}")
  endforeach()
  set(sign_command "")
  if(signer)
    list(APPEND outputs "${package}/plugin.json.dsse")
    set(sign_command COMMAND "${signer}" sign "${key}" "${package}/plugin.json" "${package}/plugin.json.dsse")
  else()
    message(STATUS "ccp: plugin ${name} is packed unsigned; set CCP_SIGNING_KEY and install ccp-sign-manifest")
  endif()
  string(REPLACE ";" "|" files "${A_FILES}")
  add_custom_command(OUTPUT ${outputs}
    COMMAND "${CMAKE_COMMAND}" "-DTEMPLATE=${manifest}" "-DLIBRARY=$<TARGET_FILE:${name}>" "-DPACKAGE=${package}"
            "-DSOURCE_DIR=${CMAKE_CURRENT_SOURCE_DIR}" "-DFILES=${files}" -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/FillManifest.cmake"
    ${sign_command}
    DEPENDS ${name} "${manifest}" ${sources} ${key} "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/FillManifest.cmake"
    COMMENT "Packing plugin ${id}" VERBATIM)
  add_custom_target(${name}_package ALL DEPENDS ${outputs})
  if(TARGET ccp_vendor_key)
    add_dependencies(${name}_package ccp_vendor_key)
  endif()
endfunction()

# ccp_library(NAME [DEPS ...] [PRIVATE_DEPS ...]): a static library from every .cpp of the current
# folder (and sub-folders), with the folder's migrations/*.sql embedded when there are any.
function(ccp_library name)
  cmake_parse_arguments(A "" "" "DEPS;PRIVATE_DEPS;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  foreach(pattern IN LISTS A_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  file(GLOB migrations CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/migrations/*.sql")
  if(migrations)
    get_filename_component(feature "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
    set(generated "${CMAKE_CURRENT_BINARY_DIR}/${feature}_migrations.cpp")
    add_custom_command(OUTPUT "${generated}"
      COMMAND "${CMAKE_COMMAND}" -DFEATURE=${feature} "-DOUTPUT=${generated}"
              "-DDIRECTORY=${CMAKE_CURRENT_SOURCE_DIR}/migrations"
              -P "${PROJECT_SOURCE_DIR}/cmake/EmbedMigrations.cmake"
      DEPENDS ${migrations} "${PROJECT_SOURCE_DIR}/cmake/EmbedMigrations.cmake" VERBATIM)
    list(APPEND sources "${generated}")
  endif()
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE "${PROJECT_SOURCE_DIR}")
    target_link_libraries(${name} INTERFACE ${A_DEPS})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PUBLIC ${A_DEPS} PRIVATE ${A_PRIVATE_DEPS})
endfunction()

# ccp_embed(TARGET SYMBOL FILE... [BASE DIRECTORY]): text files as `std::string_view ccp::embedded::SYMBOL(name)`,
# where the name is the file's, or its path below DIRECTORY; SYMBOL_names() lists them.
function(ccp_embed target symbol)
  set(generated "${CMAKE_CURRENT_BINARY_DIR}/${symbol}_embedded.cpp")
  cmake_parse_arguments(A "" "BASE" "" ${ARGN})
  string(REPLACE ";" "|" files "${A_UNPARSED_ARGUMENTS}")
  add_custom_command(OUTPUT "${generated}"
    COMMAND "${CMAKE_COMMAND}" -DSYMBOL=${symbol} "-DOUTPUT=${generated}" "-DFILES=${files}" "-DBASE=${A_BASE}"
            -P "${PROJECT_SOURCE_DIR}/cmake/EmbedFiles.cmake"
    DEPENDS ${A_UNPARSED_ARGUMENTS} "${PROJECT_SOURCE_DIR}/cmake/EmbedFiles.cmake" VERBATIM)
  target_sources(${target} PRIVATE "${generated}")
endfunction()

# ccp_test(NAME SOURCES... DEPS ...): one doctest program; NAME is also its ctest name.
function(ccp_test name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  if(NOT A_SOURCES)
    return()
  endif()
  add_executable(${name} ${A_SOURCES} "${PROJECT_SOURCE_DIR}/tests/support/doctest_main.cpp")
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${A_DEPS} doctest::doctest)
  target_compile_definitions(${name} PRIVATE CCP_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                             CCP_BINARY_DIR="${CMAKE_BINARY_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  add_test(NAME ${name} COMMAND ${name})
endfunction()

# Lua 5.4.8 or newer, compiled here as C++: errors unwind as exceptions, so that destructors run, and nothing of
# it is visible outside of the program. Debian 12's own package is older and built as C; neither is fit
# (docs/adr/0014-policy-engine.md). The source comes from -DCCP_LUA_SOURCE=DIR (or the environment), else scripts/get-lua
# fetches it once into build/_lua, which all presets share.
set(CCP_LUA_SOURCE "$ENV{CCP_LUA_SOURCE}" CACHE PATH "Source of Lua 5.4.8 or newer; empty: fetched from Debian")

set(lua_known "")
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/lua-versions.txt" lua_lines REGEX "^[0-9]")
foreach(line IN LISTS lua_lines)
  string(REPLACE " " ";" line "${line}")
  list(GET line 0 version)
  list(GET line 1 hash)
  list(APPEND lua_known "${version}")
  set(lua_hash_${version} "${hash}")
endforeach()

if(CCP_LUA_SOURCE)
  set(lua_dir "${CCP_LUA_SOURCE}")
else()
  set(lua_cache "${CMAKE_SOURCE_DIR}/build/_lua")
  if(NOT EXISTS "${lua_cache}/origin")
    execute_process(COMMAND "${CMAKE_SOURCE_DIR}/scripts/get-lua" "${lua_cache}" RESULT_VARIABLE lua_failed ERROR_VARIABLE lua_error)
    if(lua_failed)
      message(FATAL_ERROR "${lua_error}")
    endif()
  endif()
  set(lua_dir "${lua_cache}/lua")
  file(READ "${lua_cache}/origin" lua_origin)
  string(REGEX MATCH "^([^ ]+) ([0-9a-f]+)" lua_origin "${lua_origin}")
  if(DEFINED lua_hash_${CMAKE_MATCH_1} AND NOT lua_hash_${CMAKE_MATCH_1} STREQUAL CMAKE_MATCH_2)
    message(FATAL_ERROR "Lua ${CMAKE_MATCH_1} in ${lua_cache} is not the archive that cmake/lua-versions.txt lists "
                        "(${CMAKE_MATCH_2}). Delete the folder and try again; if it stays so, find out why.")
  endif()
endif()

if(NOT EXISTS "${lua_dir}/src/lua.h")
  message(FATAL_ERROR "${lua_dir} holds no source of Lua (src/lua.h). Give that of 5.4.8 or newer with -DCCP_LUA_SOURCE=DIR.")
endif()
file(STRINGS "${lua_dir}/src/lua.h" lua_lines REGEX "^#define[ \t]+LUA_VERSION_(MAJOR|MINOR|RELEASE)[ \t]+\"[0-9]+\"")
string(REGEX REPLACE "[^\"]*\"([0-9]+)\"" "\\1." lua_version "${lua_lines}")
string(REGEX REPLACE "[;]" "" lua_version "${lua_version}")
string(REGEX REPLACE "\\.$" "" lua_version "${lua_version}")
if(lua_version VERSION_LESS 5.4.8 OR NOT lua_version VERSION_LESS 5.5)
  message(FATAL_ERROR "Policies need Lua 5.4.8 or a newer 5.4; ${lua_dir} is ${lua_version}. Older compilers of Lua drop "
                      "conditions without an error. Give another source with -DCCP_LUA_SOURCE=DIR.")
endif()
if(NOT lua_version IN_LIST lua_known)
  message(NOTICE "Lua ${lua_version} is newer than what CCP was tested with (${lua_known}); the engine's self-test judges it.")
endif()

# Without the programs, and without every library that could reach out of the sandbox: os, io, package, debug, coroutine.
set(lua_sources "")
foreach(unit IN ITEMS api code ctype debug do dump func gc lex mem object opcodes parser state string table tm undump vm zio
                auxlib baselib strlib tablib mathlib utf8lib)
  list(APPEND lua_sources "${lua_dir}/src/l${unit}.c")
endforeach()
add_library(ccp_lua STATIC ${lua_sources})
set_source_files_properties(${lua_sources} PROPERTIES LANGUAGE CXX)
target_include_directories(ccp_lua SYSTEM INTERFACE "${lua_dir}/src")
target_compile_definitions(ccp_lua INTERFACE CCP_LUA_VERSION="${lua_version}")
# Always optimised: budgets are about time, and frames of the interpreter stay small on worker stacks.
target_compile_options(ccp_lua PRIVATE -w -Wno-error -O2 -include "${CMAKE_SOURCE_DIR}/policy/engine/lua_config.h")

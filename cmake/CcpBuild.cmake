# Language level, warnings, sanitizers, compiler cache and linker: one place for every target.
option(CCP_BUILD_TESTS "Build tests" ON)
option(CCP_FUZZ "Build libFuzzer targets only" OFF)
set(CCP_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# The server and the plugin host never export their own symbols to plugins (docs/ARCHITECTURE.md).
set(CMAKE_ENABLE_EXPORTS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CCP_PLUGIN_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib/ccp/plugins")

find_program(CCP_CCACHE ccache)
if(CCP_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER "${CCP_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCP_CCACHE}")
endif()
find_program(CCP_MOLD mold)
if(CCP_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wconversion -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False positives of gcc 12 with sanitizers and -O2 (GCC bugs 105562, 105329).
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized> $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Collecting garbage below 512 MiB takes a tenth of the compile time of files that never need more.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:--param=ggc-min-heapsize=524288>)
endif()
# Debug information costs build time and disk: line tables are enough for sanitizer reports.
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

if(CCP_SANITIZE)
  add_compile_options(-fsanitize=${CCP_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CCP_SANITIZE})
endif()
# Programs of the tests start thousands of times: without load-time relocations each start copies
# half as many pages. What is installed stays position independent.
if(CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT CCP_FUZZ)
  add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-no-pie>)
endif()
if(CCP_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -O1)
  add_link_options(-fsanitize=address,undefined)
endif()
add_compile_definitions(CCP_VERSION="${PROJECT_VERSION}")

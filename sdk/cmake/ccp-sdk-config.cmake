# find_package(ccp-sdk): ccp::sdk (headers) and ccp_add_plugin().
include(CMakeFindDependencyMacro)
find_dependency(nlohmann_json 3.10)
if(NOT TARGET ccp::sdk)
  add_library(ccp::sdk INTERFACE IMPORTED)
  get_filename_component(_ccp_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
  set_target_properties(ccp::sdk PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_ccp_prefix}/include"
    INTERFACE_LINK_LIBRARIES nlohmann_json::nlohmann_json INTERFACE_COMPILE_FEATURES cxx_std_17
    INTERFACE_COMPILE_DEFINITIONS JSON_USE_IMPLICIT_CONVERSIONS=0)
endif()
include("${CMAKE_CURRENT_LIST_DIR}/CcpPlugin.cmake")

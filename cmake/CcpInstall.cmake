# What `cmake --install` puts under a prefix. Components: `runtime` (the server, its plugins, the command) and
# `sdk` (what a plugin's author needs: sdk/CMakeLists.txt, and the command with the programs that it runs).
# Without --component both. ccpd looks for its plugins in ../lib/ccp/plugins, whatever the platform's libdir is.
include(GNUInstallDirs)
foreach(program IN ITEMS ccpd ccp ccp-sandbox-provider ccp-plugin-host ccp-plugin-check)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT runtime)
  endif()
endforeach()
foreach(program IN ITEMS ccp ccp-plugin-host ccp-plugin-check)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT sdk)
  endif()
endforeach()

# The loader refuses packages that somebody else could write to, whatever the umask of the installer is.
install(DIRECTORY "${CCP_PLUGIN_OUTPUT_DIRECTORY}/" DESTINATION lib/ccp/plugins COMPONENT runtime
  FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ
  DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE
  PATTERN conformance EXCLUDE)  # recorded exchanges are for the conformance kit, not for servers

# Shell completion is printed by the command itself, so that it never lags behind it.
set(completion "${CMAKE_BINARY_DIR}/completion")
add_custom_command(OUTPUT "${completion}/ccp" "${completion}/_ccp" "${completion}/ccp.fish"
  COMMAND "${CMAKE_COMMAND}" -E make_directory "${completion}"
  COMMAND ccp completion bash > "${completion}/ccp"
  COMMAND ccp completion zsh > "${completion}/_ccp"
  COMMAND ccp completion fish > "${completion}/ccp.fish"
  DEPENDS ccp COMMENT "Writing shell completion" VERBATIM)
add_custom_target(ccp_completion ALL DEPENDS "${completion}/ccp" "${completion}/_ccp" "${completion}/ccp.fish")
foreach(component IN ITEMS runtime sdk)
  install(FILES "${completion}/ccp" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" COMPONENT ${component})
  install(FILES "${completion}/_ccp" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" COMPONENT ${component})
  install(FILES "${completion}/ccp.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" COMPONENT ${component})
endforeach()
install(FILES docs/examples/ccp.dev.yaml docs/examples/ccp.prod.yaml docs/examples/plans.yaml
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/ccp/examples" COMPONENT runtime)

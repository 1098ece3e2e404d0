// Runs a verified library: the package's own bytes go into a sealed memfd (or, where that may not be
// executed, into a content-addressed file of ours) and Boost.DLL loads them from there. Loaded libraries
// are never unloaded: dlclose of a C++ library is a promise that glibc cannot keep (architecture, 1).
// Threads: any; loading is serialised.
#pragma once

#include <string>

#include "ccp/abi/plugin.h"
#include "core/base/error.hpp"
#include "core/package/package.hpp"

namespace ccp::plugin {

/// The descriptor of the package's plugin, checked against its manifest. The same bytes are loaded once
/// per process. `plugin_refused` names plugin, finding and remedy.
Result<const ccp_plugin*> loadLibrary(const Package& package, const std::string& state_dir);

/// Magic, size, ABI, every lifecycle slot, id and version of the manifest, every interface that the
/// manifest provides with every operation that a host cannot do without.
Status checkDescriptor(const ccp_plugin* plugin, const Manifest& manifest);

/// Libraries this process holds, for ever. Beyond a few dozen a restart is due.
std::size_t loadedLibraries();

/// The two ways to have a file that dlopen may map; both return its path.
Result<std::string> pathInMemory(const std::string& name, const std::string& bytes);
Result<std::string> pathInState(const std::string& state_dir, const std::string& name, const std::string& bytes);

}  // namespace ccp::plugin

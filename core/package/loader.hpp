// Runs a verified library in this process: Boost.DLL loads the sealed file. Loaded libraries are never
// unloaded: dlclose of a C++ library is a promise that glibc cannot keep (architecture, 1).
// Threads: any; loading is serialised.
#pragma once

#include <memory>
#include <string>

#include "ccp/abi/plugin.h"
#include "core/base/error.hpp"
#include "core/package/package.hpp"
#include "core/package/sealed_library.hpp"

namespace ccp::plugin {

/// The descriptor in `library`, the sealed bytes of `package`, checked against its manifest. The same
/// bytes are loaded once per process. `plugin_refused` names plugin, finding and remedy.
Result<const ccp_plugin*> loadLibrary(const Package& package, std::shared_ptr<const SealedLibrary> library);
/// The same from the package's bytes.
Result<const ccp_plugin*> loadLibrary(const Package& package, const std::string& state_dir);

/// Magic, size, ABI, every lifecycle slot, id and version of the manifest, every interface that the
/// manifest provides with every operation that a host cannot do without.
Status checkDescriptor(const ccp_plugin* plugin, const Manifest& manifest);

/// Libraries this process holds, for ever. Beyond a few dozen a restart is due.
std::size_t loadedLibraries();

}  // namespace ccp::plugin

#include "core/package/loader.hpp"

#include <boost/dll/shared_library.hpp>
#include <map>
#include <mutex>


namespace ccp::plugin {
namespace {

tl::unexpected<Error> refuse(std::string detail) { return fail(Errc::plugin_refused, std::move(detail)); }

struct Loaded {
  /// Never closed: glibc knows libraries by name, and the number would come back for another one.
  std::shared_ptr<const SealedLibrary> file;
  boost::dll::shared_library library;
  const ccp_plugin* plugin = nullptr;
};

/// Leaked on purpose: destroying it at exit would unload code that threads may still run.
struct Libraries {
  std::mutex mutex;
  std::map<std::string, Loaded*> by_hash;
};
Libraries& libraries() {
  static auto* all = new Libraries;
  return *all;
}

/// dlopen. The text of the failure comes with the throwing overload only (Boost 1.74).
Result<boost::dll::shared_library> open(const std::string& path) {
  using boost::dll::load_mode::rtld_local;
  using boost::dll::load_mode::rtld_now;
  try {
    return boost::dll::shared_library(path, rtld_now | rtld_local);
  } catch (const std::exception& e) {
    return refuse(e.what());
  }
}

}  // namespace

std::size_t loadedLibraries() {
  const std::lock_guard lock(libraries().mutex);
  return libraries().by_hash.size();
}

Result<const ccp_plugin*> loadLibrary(const Package& package, std::shared_ptr<const SealedLibrary> file) {
  const std::lock_guard lock(libraries().mutex);
  auto& known = libraries().by_hash[file->sha256()];
  if (!known) {
    auto library = open(file->path());
    if (!library) {
      libraries().by_hash.erase(file->sha256());
      return refuse("Plugin " + package.manifest.id + ": " + package.folder + "/" + package.manifest.library +
                    " cannot be loaded: " + library.error().detail + ". Install the release that was built for this system.");
    }
    known = new Loaded{std::move(file), std::move(*library), nullptr};
    if (known->library.has(CCP_ENTRY_SYMBOL)) {
      known->plugin = known->library.get<const ccp_plugin*()>(CCP_ENTRY_SYMBOL)();
    }
  }
  if (!known->plugin) {
    return refuse("Plugin " + package.manifest.id + ": " + package.folder + "/" + package.manifest.library + " exports no " CCP_ENTRY_SYMBOL
                  " that returns a descriptor. Build it with CCP_PLUGIN and ccp_add_plugin().");
  }
  CCP_CHECK_OK(checkDescriptor(known->plugin, package.manifest));
  return known->plugin;
}

Result<const ccp_plugin*> loadLibrary(const Package& package, const std::string& state_dir) {
  CCP_TRY(auto file, SealedLibrary::make(state_dir, package.manifest.library, package.library));
  return loadLibrary(package, std::move(file));
}

}  // namespace ccp::plugin

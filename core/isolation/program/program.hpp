// The loop of ccp-plugin-host: confines itself, loads the library on descriptor 4, answers calls that come
// over the socket on descriptor 3. Ends when the parent does.
#pragma once

namespace ccp::isolation {

inline constexpr int kSocketFd = 3;
inline constexpr int kLibraryFd = 4;

/// Serves one instance until the parent closes the socket. Does not return.
[[noreturn]] void servePlugin();
/// Loads, writes what the plugin says about itself to standard output as JSON, and ends: 0, or 1 with
/// {"error"}. A library that crashes while it is loaded ends this process, which is the point.
int probePlugin();

}  // namespace ccp::isolation

// libsodium's one-time start, for every entry of this folder: without it guarded code paths are
// missing. Threads: safe, cheap after the first call.
#pragma once

namespace ccp::crypto {

/// Terminates the process when libsodium cannot start: nothing of CCP is safe without it.
void ensureSodium() noexcept;

}  // namespace ccp::crypto

#include "core/crypto/sodium.hpp"

#include <sodium.h>

#include <cstdio>
#include <cstdlib>

namespace ccp::crypto {

void ensureSodium() noexcept {
  static const int started = sodium_init();
  if (started < 0) {
    std::fputs("libsodium cannot start: no source of randomness\n", stderr);
    std::abort();
  }
}

}  // namespace ccp::crypto

// Keys that seal TLS session tickets. They live in memory only and change every hour, so that whoever takes
// one later opens the sessions of two hours, not of all time; a ticket works as long as its key is kept.
// Threads: thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>

#include "core/base/random.hpp"
#include "core/base/time.hpp"

namespace ccp::http {

class TicketKeys {
 public:
  static constexpr Duration kPeriod = hours(1);     ///< a key seals this long
  static constexpr Duration kLifetime = hours(2);   ///< and opens this long; also how long a session lasts

  struct Key {
    std::array<std::uint8_t, 16> name{};
    std::array<std::uint8_t, 32> cipher{};
    std::array<std::uint8_t, 32> mac{};
    std::uint64_t made_ns = 0;
    ~Key();  ///< wiped
    Key() = default;
    Key(const Key&) = default;
    Key& operator=(const Key&) = default;
  };
  struct Found {
    Key key;
    bool seals = false;  ///< false: give the client a new ticket
  };

  TicketKeys(const Clock& clock, Random& random) : clock_(clock), random_(random) {}

  /// The key to seal with.
  Key current();
  /// The key that sealed a ticket, unless it is gone.
  std::optional<Found> find(std::span<const std::uint8_t> name);

 private:
  void turn();

  const Clock& clock_;
  Random& random_;
  std::mutex mutex_;
  std::deque<Key> keys_;  ///< newest first
};

}  // namespace ccp::http

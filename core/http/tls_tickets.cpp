#include "core/http/tls_tickets.hpp"

#include <openssl/crypto.h>

#include <algorithm>

namespace ccp::http {
namespace {

constexpr std::uint64_t ns(Duration d) noexcept {
  return static_cast<std::uint64_t>(d.count()) * 1000;
}

}  // namespace

TicketKeys::Key::~Key() {
  OPENSSL_cleanse(cipher.data(), cipher.size());
  OPENSSL_cleanse(mac.data(), mac.size());
}

void TicketKeys::turn() {
  const auto now = clock_.monotonicNs();
  while (!keys_.empty() && now - keys_.back().made_ns >= ns(kPeriod + kLifetime)) keys_.pop_back();
  if (!keys_.empty() && now - keys_.front().made_ns < ns(kPeriod)) return;
  Key key;
  random_.fill(key.name);
  random_.fill(key.cipher);
  random_.fill(key.mac);
  key.made_ns = now;
  keys_.push_front(key);
}

TicketKeys::Key TicketKeys::current() {
  const std::lock_guard lock(mutex_);
  turn();
  return keys_.front();
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const std::uint8_t> name) {
  const std::lock_guard lock(mutex_);
  turn();
  for (const auto& key : keys_) {
    if (std::equal(name.begin(), name.end(), key.name.begin(), key.name.end()))
      return Found{key, &key == &keys_.front()};
  }
  return std::nullopt;
}

}  // namespace ccp::http

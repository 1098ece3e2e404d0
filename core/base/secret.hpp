// Memory for secrets: zeroed on destruction, never printed, never compared by memcmp, never copied
// by accident.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/encoding.hpp"

namespace ccp {

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::span<const std::uint8_t> bytes) : bytes_(bytes.begin(), bytes.end()) {}
  explicit SecretBytes(std::string_view text) : SecretBytes(bytesOf(text)) {}
  ~SecretBytes() { wipe(); }
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;

  /// An explicit copy, for the places that need one.
  SecretBytes clone() const { return SecretBytes(view()); }
  std::span<const std::uint8_t> view() const noexcept { return bytes_; }
  std::string_view text() const noexcept { return textOf(bytes_); }
  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }

 private:
  void wipe() noexcept;
  Bytes bytes_;
};

}  // namespace ccp

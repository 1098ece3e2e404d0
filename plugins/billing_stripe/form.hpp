// Form bodies and queries as Stripe's v1 API takes them: nesting by brackets, lists by numbers
// (`line_items[0][price]`). Pure; the order of the pairs is the order of adding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stripe {

class Form {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  Form() = default;
  Form(std::initializer_list<std::pair<std::string, std::string>> pairs) : pairs_(pairs) {}

  Form& add(std::string key, std::string value);
  Form& add(std::string key, std::int64_t value);
  Form& add(std::string key, bool value) = delete;  // would be "1"; say flag()
  Form& flag(std::string key, bool value);

  bool empty() const noexcept { return pairs_.empty(); }
  const Pairs& pairs() const noexcept { return pairs_; }
  /// application/x-www-form-urlencoded, brackets encoded like everything else.
  std::string encode() const;

 private:
  Pairs pairs_;
};

}  // namespace stripe

#include "form.hpp"

#include "ccp/text.hpp"

namespace stripe {

Form& Form::add(std::string key, std::string value) {
  pairs_.emplace_back(std::move(key), std::move(value));
  return *this;
}

Form& Form::add(std::string key, std::int64_t value) {
  return add(std::move(key), std::to_string(value));
}

Form& Form::flag(std::string key, bool value) {
  return add(std::move(key), std::string(value ? "true" : "false"));
}

std::string Form::encode() const {
  std::string out;
  for (const auto& [key, value] : pairs_) {
    if (!out.empty()) out += '&';
    out += ccp::urlEncode(key);
    out += '=';
    out += ccp::urlEncode(value);
  }
  return out;
}

}  // namespace stripe

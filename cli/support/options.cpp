#include "cli/support/options.hpp"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <vector>

namespace ccp::cli {

Option Option::required(bool yes) {
  option_->required(yes);
  return *this;
}

Option Option::typeName(const std::string& name) {
  option_->type_name(name);
  return *this;
}

Option Option::showDefault() {
  option_->capture_default_str();
  return *this;
}

Option Option::oneOf(std::initializer_list<const char*> words) {
  option_->check(CLI::IsMember(words));
  return *this;
}

Option Option::range(int least, int most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Option Option::range(double least, double most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Option Option::separatedBy(char delimiter) {
  option_->delimiter(delimiter)->allow_extra_args(false);
  return *this;
}

Option Option::excludes(Option other) {
  option_->excludes(other.option_);
  return *this;
}

Option Option::each(const std::function<void(const std::string&)>& seen) {
  option_->each(seen);
  return *this;
}

template <class T>
Option option(CLI::App& app, const std::string& name, T& value, const std::string& help) {
  return Option(*app.add_option(name, value, help));
}

template Option option(CLI::App&, const std::string&, std::string&, const std::string&);
template Option option(CLI::App&, const std::string&, std::vector<std::string>&, const std::string&);
template Option option(CLI::App&, const std::string&, int&, const std::string&);
template Option option(CLI::App&, const std::string&, std::int64_t&, const std::string&);
template Option option(CLI::App&, const std::string&, std::uint64_t&, const std::string&);
template Option option(CLI::App&, const std::string&, double&, const std::string&);

Option flag(CLI::App& app, const std::string& name, bool& value, const std::string& help) {
  return Option(*app.add_flag(name, value, help));
}

}  // namespace ccp::cli

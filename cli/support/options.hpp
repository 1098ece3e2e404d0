// Options of a command, without the header of CLI11: a file that only describes its options must not
// compile a whole parser. One thread.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ccp::cli {

/// An option while it is being described. A handle: the command owns what it stands for.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}

  Option required(bool yes = true);
  /// What the help calls the value: FILE.
  Option typeName(const std::string& name);
  /// The help shows the value that the variable has now.
  Option showDefault();
  Option oneOf(std::initializer_list<const char*> words);
  Option range(int least, int most);
  Option range(double least, double most);
  /// Several values in one word, and never the words that follow.
  Option separatedBy(char delimiter);
  /// Not together with the other one.
  Option excludes(Option other);
  /// Called with each value that was given.
  Option each(const std::function<void(const std::string&)>& seen);

 private:
  CLI::Option* option_;
};

/// `name` without a dash is positional. T: a string, a list of strings (repeatable), or a number; see options.cpp.
template <class T>
Option option(CLI::App& app, const std::string& name, T& value, const std::string& help);
Option flag(CLI::App& app, const std::string& name, bool& value, const std::string& help);

}  // namespace ccp::cli

// What the rules of lint share: the tree, what names stand for, where findings go. Inside this room.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "policy/analysis/finding.hpp"
#include "policy/analysis/paths.hpp"
#include "policy/schema/schema.hpp"

namespace ccp::policy::lua {

struct LintContext {
  std::string file;
  const Block& chunk;
  const Names& names;
  Paths& paths;
  const Schema* input = nullptr;
  const Schema* result = nullptr;
  std::vector<Finding>& findings;

  static constexpr std::size_t kMost = 1000;

  void add(Severity severity, const char* code, const Place& at, std::string message, std::string next_step) const {
    if (findings.size() >= kMost) return;
    findings.push_back({severity, code, file, at.line, at.column, std::move(message), std::move(next_step)});
  }
  void error(const char* code, const Place& at, std::string message, std::string next_step) const {
    add(Severity::error, code, at, std::move(message), std::move(next_step));
  }
  void warning(const char* code, const Place& at, std::string message, std::string next_step) const {
    add(Severity::warning, code, at, std::move(message), std::move(next_step));
  }
};

/// Text in quotes, short and printable.
std::string quoted(std::string_view text);

void lintNames(const LintContext& context);    ///< globals, the library, locals
void lintFields(const LintContext& context);   ///< chains of the input, comparisons with constants
void lintLogic(const LintContext& context);    ///< conditions that cannot vary, comparisons that never hold
void lintFlow(const LintContext& context);     ///< what is never reached, decide() that answers nothing
void lintResults(const LintContext& context);  ///< tables that decide() returns

}  // namespace ccp::policy::lua

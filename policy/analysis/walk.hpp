// Visits a tree in the order of the source, functions inside it too. Recursion is bounded by the tree's depth.
#pragma once

#include <functional>

#include "policy/analysis/ast.hpp"

namespace ccp::policy::lua {

struct Visitor {
  std::function<void(const Stat&)> stat;  ///< before its parts
  std::function<void(const Expr&)> expr;  ///< before its parts
  std::function<void(const Function&)> function;
};

void walk(const Block& block, const Visitor& visitor);
void walk(const Expr& expr, const Visitor& visitor);

}  // namespace ccp::policy::lua

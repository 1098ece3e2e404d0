// What each name of a policy stands for: a local of it, or a global. One pass over the tree, which keeps
// pointers into the result: the result must outlive what reads the tree.
#pragma once

#include <deque>
#include <vector>

#include "policy/analysis/ast.hpp"

namespace ccp::policy::lua {

enum class LocalKind : std::uint8_t { variable, parameter, loop, function };

struct Local {
  LocalKind kind = LocalKind::variable;
  std::string name;
  Place at;
  int reads = 0;   ///< as a value; calls of it are among them
  int writes = 0;  ///< after the declaration
  const Expr* value = nullptr;         ///< what it begins as, when that is one expression
  const Function* function = nullptr;  ///< of a local function; of a parameter: whose
  std::size_t index = 0;               ///< of a parameter or loop variable: which
  const Stat* loop = nullptr;
  std::vector<const Expr*> calls;      ///< calls that name it
};

struct GlobalUse {
  const Expr* name = nullptr;
  bool write = false;
  const Function* function = nullptr;  ///< `function name() … end`, or `name = function() … end`
  bool top_level = false;              ///< a statement of the chunk itself
};

struct Names {
  std::deque<Local> locals;
  std::vector<GlobalUse> globals;
  const Function* decide = nullptr;
};

Names bind(Chunk& chunk);

}  // namespace ccp::policy::lua

// The grammar of Lua 5.4 (section 9 of its manual) to a tree. What breaks the grammar is one finding, with its
// place; what nests deeper than the interpreter takes is one too. Pure.
#pragma once

#include <string>
#include <string_view>

#include "policy/analysis/ast.hpp"
#include <tl/expected.hpp>

namespace ccp::policy::lua {

struct SyntaxError {
  Place at;
  std::string message;
};

tl::expected<Chunk, SyntaxError> parse(std::string_view source);

}  // namespace ccp::policy::lua

#include "policy/schema/schema.hpp"

namespace ccp::policy {

std::string luaStubs() { return "---@meta\n"; }

}  // namespace ccp::policy

#include "policy/analysis/walk.hpp"

namespace ccp::policy::lua {
namespace {

void walkFunction(const Function& function, const Visitor& visitor) {
  if (visitor.function) visitor.function(function);
  walk(*function.body, visitor);
}

}  // namespace

void walk(const Expr& expr, const Visitor& visitor) {
  if (visitor.expr) visitor.expr(expr);
  for (const auto& part : expr.parts) walk(*part, visitor);
  for (const auto& field : expr.fields) {
    if (field.key) walk(*field.key, visitor);
    walk(*field.value, visitor);
  }
  if (expr.function) walkFunction(*expr.function, visitor);
}

void walk(const Block& block, const Visitor& visitor) {
  for (const auto& stat : block.stats) {
    if (visitor.stat) visitor.stat(stat);
    for (const auto& target : stat.targets) walk(*target, visitor);
    for (const auto& value : stat.values) walk(*value, visitor);
    for (const auto& inner : stat.blocks) walk(*inner, visitor);
    if (stat.function) walkFunction(*stat.function, visitor);
  }
}

}  // namespace ccp::policy::lua

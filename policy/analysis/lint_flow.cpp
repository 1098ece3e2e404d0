// Rules about the course of a policy: statements that are never reached, decide() that ends without an answer.
#include "policy/analysis/lint_context.hpp"
#include "policy/analysis/walk.hpp"

namespace ccp::policy::lua {
namespace {

bool isErrorCall(const Stat& stat) {
  if (stat.kind != StatKind::call) return false;
  const auto& call = *stat.values.front();
  return call.kind == ExprKind::call && call.parts.front()->kind == ExprKind::name && call.parts.front()->local == nullptr && call.parts.front()->text == "error";
}

/// A loop's own `break`, not one of a loop inside it.
bool breaks(const Block& block) {
  for (const auto& stat : block.stats) {
    if (stat.kind == StatKind::breaking || stat.kind == StatKind::jump) return true;
    if (stat.kind != StatKind::if_else && stat.kind != StatKind::block) continue;
    for (const auto& inner : stat.blocks) {
      if (breaks(*inner)) return true;
    }
  }
  return false;
}

bool endless(const Stat& stat) {
  return stat.kind == StatKind::while_loop && stat.values.front()->kind == ExprKind::boolean && stat.values.front()->truth && !breaks(*stat.blocks.front());
}

class Rules {
 public:
  explicit Rules(const LintContext& context) : c_(context) {}

  void run() {
    leaves(c_.chunk);
    walk(c_.chunk, {nullptr, nullptr, [this](const Function& function) {
                      const bool left = leaves(*function.body);
                      if (&function == c_.names.decide && !left)
                        c_.warning("no_answer", {function.end_line, 1}, "decide can end here without an answer, which is a fault.", "Return a table with allow on every way; last, { allow = false }.");
                    }});
  }

 private:
  /// Whether control never passes the end of the block. Says what stands behind that on its way, functions
  /// inside excluded.
  bool leaves(const Block& block) {
    bool gone = false, said = false;
    for (const auto& stat : block.stats) {
      if (stat.kind == StatKind::label) gone = said = false;
      if (gone && !said) {
        c_.error("unreachable", stat.at, "This is never reached.", "Take it out, or correct the statement before it.");
        said = true;
      }
      gone = leaves(stat) || gone;
    }
    return gone;
  }

  bool leaves(const Stat& stat) {
    switch (stat.kind) {
      case StatKind::returning:
      case StatKind::breaking:
      case StatKind::jump: return true;
      case StatKind::call: return isErrorCall(stat);
      case StatKind::block: return leaves(*stat.blocks.front());
      case StatKind::while_loop: {
        leaves(*stat.blocks.front());
        return endless(stat);
      }
      case StatKind::repeat_loop:
      case StatKind::numeric_for:
      case StatKind::generic_for: {
        leaves(*stat.blocks.front());
        return false;
      }
      case StatKind::if_else: {
        bool all = stat.blocks.back()->has_else;
        for (const auto& inner : stat.blocks) all = leaves(*inner) && all;
        return all;
      }
      default: return false;
    }
  }

  const LintContext& c_;
};

}  // namespace

void lintFlow(const LintContext& context) { Rules(context).run(); }

}  // namespace ccp::policy::lua

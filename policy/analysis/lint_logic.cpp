// Rules about conditions: those that cannot vary, comparisons that never hold, keys that stand twice.
#include <map>

#include "policy/analysis/lint_context.hpp"
#include "policy/analysis/walk.hpp"

namespace ccp::policy::lua {
namespace {

const Expr& inner(const Expr& expr) {
  const Expr* at = &expr;
  while (at->kind == ExprKind::paren) at = at->parts.front().get();
  return *at;
}

bool isComparison(const Expr& expr) {
  return expr.kind == ExprKind::binary &&
         (expr.text == "==" || expr.text == "~=" || expr.text == "<" || expr.text == ">" || expr.text == "<=" || expr.text == ">=");
}

bool isZero(const Expr& expr) { return expr.kind == ExprKind::number && expr.number == 0; }

/// 0/0, -(0/0), math.huge - math.huge.
bool isNan(const Expr& expr) {
  const auto& e = inner(expr);
  if (e.kind == ExprKind::unary && e.text == "-") return isNan(*e.parts.front());
  if (e.kind != ExprKind::binary || e.parts.size() != 2) return false;
  const auto& a = inner(*e.parts[0]);
  const auto& b = inner(*e.parts[1]);
  const auto huge = [](const Expr& x) {
    return x.kind == ExprKind::index && x.parts[0]->kind == ExprKind::name && x.parts[0]->text == "math" && x.parts[1]->text == "huge";
  };
  return (e.text == "/" && isZero(a) && isZero(b)) || (e.text == "-" && huge(a) && huge(b));
}

/// The same simple chain of names on both sides: a.b.c.
bool sameChain(const Expr& a, const Expr& b) {
  const Expr* x = &inner(a);
  const Expr* y = &inner(b);
  for (;;) {
    if (x->kind != y->kind) return false;
    if (x->kind == ExprKind::name) return x->text == y->text && x->local == y->local;
    if (x->kind != ExprKind::index) return false;
    const auto& k = *x->parts[1];
    const auto& l = *y->parts[1];
    if (k.kind != ExprKind::string || l.kind != ExprKind::string || k.text != l.text) return false;
    x = x->parts[0].get();
    y = y->parts[0].get();
  }
}

class Rules {
 public:
  explicit Rules(const LintContext& context) : c_(context) {}

  void run() {
    walk(c_.chunk, {[this](const Stat& stat) {
                      if (stat.kind == StatKind::if_else) conditions(stat);
                      if (stat.kind == StatKind::while_loop && inner(*stat.values.front()).kind != ExprKind::boolean) condition(*stat.values.front());
                    },
                    [this](const Expr& expr) {
                      if (isComparison(expr) && expr.parts.size() == 2) comparison(expr);
                      if (expr.kind == ExprKind::table) keys(expr);
                    },
                    nullptr});
  }

 private:
  void conditions(const Stat& stat) {
    for (const auto& each : stat.values) condition(*each);
  }

  /// `if plan == "a" or "b"`: a text is true, whatever the plan is.
  void condition(const Expr& expr, bool whole = true) {
    const auto& e = inner(expr);
    if (e.kind == ExprKind::binary && (e.text == "or" || e.text == "and")) {
      for (const auto& part : e.parts) condition(*part, false);
      return;
    }
    if (e.kind == ExprKind::unary && e.text == "not") {
      condition(*e.parts.front(), whole);
      return;
    }
    const bool text = e.kind == ExprKind::string || e.kind == ExprKind::number || e.kind == ExprKind::table || e.kind == ExprKind::function;
    if (text && !whole)
      c_.error("constant_condition", e.at, "This part of the condition is always true, whatever the rest says.", "Compare it too: x == \"a\" or x == \"b\".");
    else if (text || e.kind == ExprKind::boolean || e.kind == ExprKind::nil)
      c_.warning("constant_condition", e.at, "This condition is always the same.", "Take it out, or write what it should depend on.");
  }

  void comparison(const Expr& expr) {
    const auto& a = *expr.parts[0];
    const auto& b = *expr.parts[1];
    if (isNan(a) || isNan(b)) {
      c_.error("nan_comparison", expr.at, "No number compares with NaN: this is always " + std::string(expr.text == "~=" ? "true" : "false") + ".", "Test with x ~= x.");
      return;
    }
    if (inner(a).kind == ExprKind::table || inner(b).kind == ExprKind::table) {
      c_.error("table_comparison", expr.at, "A table made here equals nothing else.", "Compare its members; #list == 0 tells an empty list.");
      return;
    }
    if (sameChain(a, b) && expr.text != "~=") {
      c_.warning("self_comparison", expr.at, "Both sides are the same.", "Compare it with something else.");
      return;
    }
    // not x == y compares (not x) with y.
    const bool negated = a.kind == ExprKind::unary && a.text == "not";
    if (negated && (expr.text == "==" || expr.text == "~=") && inner(b).kind != ExprKind::boolean && !(inner(b).kind == ExprKind::unary && inner(b).text == "not"))
      c_.error("negated_comparison", expr.at, "\"not\" belongs to the left side alone: this compares true or false with the right side.", std::string("Write ~= or not (… ") + expr.text + " …).");
  }

  void keys(const Expr& table) {
    std::map<std::string, int> seen;
    for (const auto& field : table.fields) {
      if (!field.key || field.key->kind != ExprKind::string) continue;
      if (++seen[field.key->text] == 2)
        c_.error("duplicate_key", field.key->at, "The key " + quoted(field.key->text) + " stands twice; the last one wins.", "Take one out.");
    }
  }

  const LintContext& c_;
};

}  // namespace

void lintLogic(const LintContext& context) { Rules(context).run(); }

}  // namespace ccp::policy::lua

// Rules about the input: fields that the point does not have, constants that a field never is.
#include <algorithm>

#include "policy/analysis/lint_context.hpp"
#include "policy/analysis/suggest.hpp"
#include "policy/analysis/walk.hpp"

namespace ccp::policy::lua {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < 12; ++i) out += (i == 0 ? "" : ", ") + names[i];
  return names.size() > 12 ? out + ", …" : out;
}

class Rules {
 public:
  explicit Rules(const LintContext& context) : c_(context) {}

  void run() {
    walk(c_.chunk, {[this](const Stat& stat) {
                      for (const auto& target : stat.targets) written(*target);
                    },
                    [this](const Expr& expr) {
                      if (expr.kind == ExprKind::index) field(expr);
                      if (expr.kind == ExprKind::binary && expr.parts.size() == 2) comparison(expr);
                    },
                    nullptr});
  }

 private:
  void field(const Expr& expr) {
    if (expr.parts[1]->kind != ExprKind::string) return;
    const auto object = c_.paths.of(*expr.parts[0]);
    if (!object) return;
    const auto schema = c_.input->below(*object);
    if (!schema) return;  // that was said of the object already
    const auto& name = expr.parts[1]->text;
    const auto& at = expr.parts[1]->at;
    if (schema->below({name})) return;
    auto path = *object;
    path.push_back(name);
    const auto type = schema->type();
    if (type == "array") {
      c_.error("unknown_field", at, chainText(*object) + " is a list and has no field " + quoted(name) + ".", "Walk it with ipairs, or index it by number.");
      return;
    }
    if (type != "object") {
      // ("x").len and the like: a text leads to the functions of string.
      c_.error("unknown_field", at, chainText(*object) + " is of type " + type + " and has no field " + quoted(name) + ".", "Call functions of texts with \":\", as in plan:lower().");
      return;
    }
    const auto members = schema->members();
    const auto near = nearest(name, members);
    c_.error("unknown_field", at, "The point has no field " + chainText(path) + ".", near.empty() ? "Here are " + listed(members) + "." : "Did you mean " + near + "?");
  }

  void written(const Expr& target) {
    if (target.kind != ExprKind::index) return;
    const auto path = c_.paths.of(target);
    if (path) c_.warning("input_assignment", target.at, "This changes the input, which nobody sees.", "Keep the value in a local.");
  }

  void comparison(const Expr& expr) {
    const bool equality = expr.text == "==" || expr.text == "~=";
    const bool order = expr.text == "<" || expr.text == ">" || expr.text == "<=" || expr.text == ">=";
    if (!equality && !order) return;
    for (const int side : {0, 1}) {
      const auto path = c_.paths.of(*expr.parts[static_cast<std::size_t>(side)]);
      const auto& other = *expr.parts[static_cast<std::size_t>(1 - side)];
      if (!path || path->empty()) continue;
      const auto schema = c_.input->below(*path);
      if (schema) held(*path, *schema, other, order);
    }
  }

  void held(const Path& path, const Schema& schema, const Expr& constant, bool order) {
    std::string of;
    switch (constant.kind) {
      case ExprKind::string: of = "string"; break;
      case ExprKind::number: of = "number"; break;
      case ExprKind::boolean: of = "boolean"; break;
      default: return;
    }
    const auto type = schema.type();
    const bool fits = type.empty() || type.find(of) != std::string::npos || (of == "number" && type.find("integer") != std::string::npos);
    if (!fits) {
      c_.error("impossible_value", constant.at, chainText(path) + " is of type " + type + " and never a " + of + ".", order ? "Comparing them raises: convert one of them." : "Compare it with a value of its type.");
      return;
    }
    if (order || of != "string") return;
    const auto domain = schema.domain();
    if (domain.empty() || std::find(domain.begin(), domain.end(), Json(constant.text)) != domain.end()) return;
    std::vector<std::string> values;
    for (const auto& value : domain) {
      if (value.isString()) values.push_back(*value.asString());
    }
    const auto near = nearest(constant.text, values);
    c_.error("impossible_value", constant.at, chainText(path) + " is never " + quoted(constant.text) + ".", near.empty() ? "It is one of " + listed(values) + "." : "Did you mean " + quoted(near) + "?");
  }

  const LintContext& c_;
};

}  // namespace

void lintFields(const LintContext& context) {
  if (context.input != nullptr) Rules(context).run();
}

}  // namespace ccp::policy::lua

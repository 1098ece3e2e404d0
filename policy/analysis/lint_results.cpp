// Rules about answers: the tables that decide() returns, also by way of locals and local functions.
#include <algorithm>

#include "policy/analysis/lint_context.hpp"
#include "policy/analysis/suggest.hpp"
#include "policy/analysis/walk.hpp"

namespace ccp::policy::lua {
namespace {

constexpr int kMaxDepth = 40;

class Rules {
 public:
  explicit Rules(const LintContext& context) : c_(context) {}

  void run() {
    answersOf(*c_.names.decide, 0);
    if (returned_.empty()) return;
    walk(c_.chunk, {[this](const Stat& stat) {
                      if (stat.kind != StatKind::assign) return;
                      for (std::size_t i = 0; i < stat.targets.size(); ++i) assigned(*stat.targets[i], i < stat.values.size() ? stat.values[i].get() : nullptr);
                    },
                    nullptr, nullptr});
  }

 private:
  /// Everything that a function returns is an answer.
  void answersOf(const Function& function, int depth) {
    if (depth > kMaxDepth || !functions_.insert(&function).second) return;
    returns(*function.body, depth);
  }

  void returns(const Block& block, int depth) {
    for (const auto& stat : block.stats) {
      if (stat.kind == StatKind::returning && !stat.values.empty()) answer(*stat.values.front(), depth + 1);
      if (stat.kind == StatKind::returning && stat.values.empty() && depth == 0)
        c_.error("no_answer", stat.at, "decide returns nothing here, which is a fault.", "Return a table with allow.");
      for (const auto& inner : stat.blocks) returns(*inner, depth);
    }
  }

  void answer(const Expr& expr, int depth) {
    if (depth > kMaxDepth) return;
    switch (expr.kind) {
      case ExprKind::paren: answer(*expr.parts.front(), depth + 1); return;
      case ExprKind::binary:
        // condition and A or B
        if (expr.text == "or") {
          for (const auto& part : expr.parts) answer(*part, depth + 1);
        } else if (expr.text == "and") {
          answer(*expr.parts.back(), depth + 1);
        } else {
          wrongAnswer(expr);
        }
        return;
      case ExprKind::table: table(expr, true); return;
      case ExprKind::name: {
        auto* local = expr.local;
        if (local == nullptr || local->writes != 0 || local->value == nullptr) return;
        const auto& value = *local->value;
        if (value.kind == ExprKind::table) {
          returned_.insert(local);
          table(value, false);  // members may be added later
        }
        return;
      }
      case ExprKind::call: {
        const auto& callee = *expr.parts.front();
        if (callee.kind == ExprKind::name && callee.local != nullptr && callee.local->writes == 0 && callee.local->function != nullptr && callee.local->kind != LocalKind::parameter)
          answersOf(*callee.local->function, depth + 1);
        return;
      }
      case ExprKind::nil:
      case ExprKind::boolean:
      case ExprKind::number:
      case ExprKind::string:
      case ExprKind::function: wrongAnswer(expr); return;
      default: return;
    }
  }

  void wrongAnswer(const Expr& expr) {
    c_.error("no_answer", expr.at, "decide returns a table, not this.", "Return { allow = … }.");
  }

  void table(const Expr& expr, bool complete) {
    bool spread = false, has_allow = false;
    for (const auto& field : expr.fields) {
      if (!field.key) {
        c_.error("unknown_result", field.value->at, "An answer has names for its members.", "Write name = value.");
        continue;
      }
      if (field.key->kind != ExprKind::string) {
        spread = true;
        continue;
      }
      has_allow = has_allow || field.key->text == "allow";
      member(*c_.result, field.key->text, field.key->at, field.value.get(), "");
    }
    if (complete && !has_allow && !spread)
      c_.error("allow_missing", expr.at, "This answer has no allow, which is a fault.", "Add allow = true or allow = false.");
  }

  void member(const Schema& schema, const std::string& name, const Place& at, const Expr* value, const std::string& below) {
    const auto known = schema.below({name});
    if (!known) {
      const auto members = schema.members();
      const auto near = nearest(name, members);
      std::string list;
      for (const auto& each : members) list += (list.empty() ? "" : ", ") + each;
      c_.error("unknown_result", at, "Answers of this point have no " + quoted(below + name) + ", which is a fault.", near.empty() ? "Here are " + list + "; what is your own belongs into obligations." : "Did you mean " + near + "?");
      return;
    }
    if (value != nullptr) valueOf(*known, below + name, *value);
  }

  void valueOf(const Schema& schema, const std::string& name, const Expr& value) {
    const auto type = schema.type();
    if (type.empty()) return;  // anything goes
    if (value.kind == ExprKind::table) {
      if (type == "object") {
        for (const auto& field : value.fields) {
          if (field.key && field.key->kind == ExprKind::string) member(schema, field.key->text, field.key->at, field.value.get(), name + ".");
        }
      } else if (type == "array") {
        const auto item = schema.below({"*"});
        for (const auto& field : value.fields) {
          if (!field.key && item) valueOf(*item, name + "[]", *field.value);
        }
      } else {
        wrongType(schema, name, value, "a table");
      }
      return;
    }
    const auto of = typeOf(value);
    if (of.empty() || type.empty()) return;
    const bool fits = type.find(of) != std::string::npos || (of == "number" && type.find("integer") != std::string::npos) || (of == "integer" && type.find("number") != std::string::npos);
    if (!fits) {
      wrongType(schema, name, value, "a " + of);
      return;
    }
    const auto domain = schema.domain();
    if (value.kind != ExprKind::string || domain.empty() || std::find(domain.begin(), domain.end(), Json(value.text)) != domain.end()) return;
    std::vector<std::string> values;
    for (const auto& each : domain) values.push_back(each.isString() ? *each.asString() : each.dump());
    const auto near = nearest(value.text, values);
    std::string list;
    for (const auto& each : values) list += (list.empty() ? "" : ", ") + each;
    c_.error("impossible_result", value.at, quoted(name) + " cannot be " + quoted(value.text) + ", which is a fault.", near.empty() ? "It is one of " + list + "." : "Did you mean " + quoted(near) + "?");
  }

  void wrongType(const Schema& schema, const std::string& name, const Expr& value, const std::string& is) {
    c_.error("impossible_result", value.at, quoted(name) + " is of type " + schema.type() + ", and this is " + is + ", which is a fault.",
             name == "allow" ? "Write true or false, or a comparison." : "Give a value of its type.");
  }

  /// What an expression is for certain; empty: not known.
  std::string typeOf(const Expr& value) {
    switch (value.kind) {
      case ExprKind::string: return "string";
      case ExprKind::number: return "number";
      case ExprKind::boolean: return "boolean";
      case ExprKind::paren: return typeOf(*value.parts.front());
      case ExprKind::unary: return value.text == "not" ? "boolean" : value.text == "#" ? "integer" : "";
      case ExprKind::binary:
        if (value.text == "..") return "string";
        if (value.text == "==" || value.text == "~=" || value.text == "<" || value.text == ">" || value.text == "<=" || value.text == ">=") return "boolean";
        return "";
      case ExprKind::name:
      case ExprKind::index: {
        if (c_.input == nullptr) return "";
        const auto path = c_.paths.of(value);
        if (!path || path->empty()) return "";
        const auto schema = c_.input->below(*path);
        const auto type = schema ? schema->type() : "";
        return type.find('|') == std::string::npos && type != "object" && type != "array" ? type : "";
      }
      default: return "";
    }
  }

  /// result.reason = …, of a local that decide returns.
  void assigned(const Expr& target, const Expr* value) {
    if (target.kind != ExprKind::index || target.parts[0]->kind != ExprKind::name || target.parts[1]->kind != ExprKind::string) return;
    if (target.parts[0]->local == nullptr || returned_.count(target.parts[0]->local) == 0) return;
    member(*c_.result, target.parts[1]->text, target.parts[1]->at, value, "");
  }

  const LintContext& c_;
  std::set<const Function*> functions_;
  std::set<const Local*> returned_;
};

}  // namespace

void lintResults(const LintContext& context) {
  if (context.result != nullptr && context.names.decide != nullptr) Rules(context).run();
}

}  // namespace ccp::policy::lua

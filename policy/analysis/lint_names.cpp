// Rules about names: what the sandbox has and has not, globals, locals that nobody reads.
#include <algorithm>
#include <map>

#include "policy/analysis/lint_context.hpp"
#include "policy/analysis/suggest.hpp"
#include "policy/analysis/walk.hpp"
#include "policy/schema/library.hpp"

namespace ccp::policy::lua {
namespace {

/// What Lua has and policies do not, and what to do instead.
const std::map<std::string, std::string>& absent() {
  static const std::map<std::string, std::string> table{
      {"_G", "Use locals; a policy has no table of globals."},
      {"_ENV", "Use locals; a policy has no table of globals."},
      {"getmetatable", "Tables of policies have no metatables."},
      {"setmetatable", "Tables of policies have no metatables."},
      {"rawget", "Index the table: tables of policies have no metatables."},
      {"rawset", "Assign to the table: tables of policies have no metatables."},
      {"rawequal", "Compare with ==."},
      {"rawlen", "Use #."},
      {"next", "Walk with pairs(t); a table is empty when pairs gives nothing."},
      {"pcall", "Check values before you use them: a fault decides by itself."},
      {"xpcall", "Check values before you use them: a fault decides by itself."},
      {"coroutine", "A decision is one call of decide()."},
      {"load", "Policies do not make code; constants belong into data/."},
      {"loadstring", "Policies do not make code; constants belong into data/."},
      {"loadfile", "A policy is one file; constants belong into data/."},
      {"dofile", "A policy is one file; constants belong into data/."},
      {"require", "A policy is one file; constants belong into data/, as ccp.data.NAME."},
      {"package", "A policy is one file; constants belong into data/, as ccp.data.NAME."},
      {"debug", "`ccp policy explain` shows what ran."},
      {"os", "The time of the decision is input.now; nothing else of the system is there."},
      {"io", "A decision depends on its input alone; constants belong into data/."},
      {"collectgarbage", "Memory is the host's matter."},
      {"print", "Say it in `reason`; `ccp policy explain` shows what ran."},
      {"warn", "Say it in `reason`."},
      {"string.match", "There are no patterns: use find, contains, starts, ends, split, glob."},
      {"string.gmatch", "There are no patterns: use split."},
      {"string.gsub", "There are no patterns: use split and table.concat."},
      {"string.dump", "Policies do not make code."},
      {"string.pack", "Policies work on text and numbers."},
      {"string.unpack", "Policies work on text and numbers."},
      {"string.packsize", "Policies work on text and numbers."},
      {"table.move", "Copy in a loop."},
      {"table.pack", "Write {…}."},
      {"math.random", "A decision is a function of its input: there is no chance in it."},
      {"math.randomseed", "A decision is a function of its input: there is no chance in it."},
      {"math.sqrt", "Use x ^ 0.5."},
      {"math.modf", "Use math.floor."},
      {"utf8.codes", "Use utf8.codepoint(s, 1, -1)."},
      {"utf8.offset", "Use utf8.codepoint."},
      {"utf8.charpattern", "There are no patterns."},
  };
  return table;
}

struct Library {
  std::map<std::string, std::vector<std::string>> tables;  ///< "string" → its members
  std::vector<std::string> globals;                        ///< functions and tables
};
const Library& known() {
  static const Library all = [] {
    Library out;
    for (const auto& entry : library()) {
      const auto dot = entry.name.find('.');
      const std::string first(entry.name.substr(0, dot));
      if (dot != std::string_view::npos) out.tables[first].emplace_back(entry.name.substr(dot + 1));
      if (std::find(out.globals.begin(), out.globals.end(), first) == out.globals.end()) out.globals.push_back(first);
    }
    return out;
  }();
  return all;
}

bool has(const std::vector<std::string>& list, std::string_view name) { return std::find(list.begin(), list.end(), name) != list.end(); }

std::string didYouMean(std::string_view word, const std::vector<std::string>& choices, const std::string& otherwise) {
  const auto near = nearest(word, choices);
  return near.empty() ? otherwise : "Did you mean " + near + "?";
}

class Rules {
 public:
  explicit Rules(const LintContext& context) : c_(context) {}

  void run() {
    collectFields();
    for (const auto& use : c_.names.globals) {
      if (use.write) written_.insert(use.name->text);
    }
    for (const auto& use : c_.names.globals) use.write ? assigned(use) : read(*use.name);
    walk(c_.chunk, {[this](const Stat& stat) { declared(stat); }, [this](const Expr& expr) { member(expr); },
                    [this](const Function& function) {
                      for (const auto& parameter : function.parameters) shadows(parameter.name, parameter.at);
                    }});
    if (c_.names.decide == nullptr)
      c_.error("decide_missing", {1, 1}, "The file defines no function decide(input).", "Write `function decide(input) … end`, which returns a table with allow.");
    else if (c_.names.decide->parameters.size() > 1)
      c_.warning("decide_parameters", c_.names.decide->at, "decide is called with the input alone.", "Take one parameter.");
  }

 private:
  /// Names of members that the policy itself gives to tables: t.match is then no string.match.
  void collectFields() {
    walk(c_.chunk, {[this](const Stat& stat) {
                      for (const auto& target : stat.targets) {
                        if (target->kind == ExprKind::index && target->parts[1]->kind == ExprKind::string) own_members_.insert(target->parts[1]->text);
                      }
                    },
                    [this](const Expr& expr) {
                      for (const auto& field : expr.fields) {
                        if (field.key && field.key->kind == ExprKind::string) own_members_.insert(field.key->text);
                      }
                    },
                    nullptr});
  }

  void assigned(const GlobalUse& use) {
    const auto& name = use.name->text;
    if (name == "decide") {
      if (use.function == nullptr || !use.top_level)
        c_.error("decide_assignment", use.name->at, "decide is assigned where it is not defined as a function of the file.", "Write `function decide(input) … end` at the top level.");
      return;
    }
    if (has(known().globals, name)) {
      c_.error("global_assignment", use.name->at, "The name " + quoted(name) + " belongs to the library.", "Use another name, and `local`.");
      return;
    }
    c_.error("global_assignment", use.name->at, "This assigns to the global " + quoted(name) + ", which no other decision will see.", "Write `local " + std::string(use.function ? "function " : "") + name.substr(0, 60) + "`.");
  }

  void read(const Expr& expr) {
    const auto& name = expr.text;
    if (name == "decide" || has(known().globals, name)) return;
    if (const auto found = absent().find(name); found != absent().end()) {
      c_.error("forbidden_name", expr.at, "Policies have no " + quoted(name) + ".", found->second);
      return;
    }
    if (written_.count(name) != 0) return;  // that was said already
    if (++undefined_ > 50) return;  // no more is needed to see it, and each is compared with all names
    auto choices = known().globals;
    for (const auto& local : c_.names.locals) {
      if (choices.size() > 500) break;
      choices.push_back(local.name);
    }
    c_.error("undefined_name", expr.at, "Nothing of the name " + quoted(name) + " is defined here.", didYouMean(name, choices, "Declare it with `local` before its use; a local ends with its block."));
  }

  void member(const Expr& expr) {
    if (expr.kind == ExprKind::method) {
      method(expr);
      return;
    }
    if (expr.kind != ExprKind::index || expr.parts[1]->kind != ExprKind::string) return;
    const auto& table = *expr.parts[0];
    if (table.kind != ExprKind::name || table.local != nullptr) return;
    const auto found = known().tables.find(table.text);
    if (found == known().tables.end()) return;
    const auto& name = expr.parts[1]->text;
    if (has(found->second, name)) return;
    missing(table.text, name, expr.parts[1]->at, found->second);
  }

  void missing(const std::string& table, const std::string& name, const Place& at, const std::vector<std::string>& members) {
    const auto full = table + "." + name;
    if (const auto gone = absent().find(full); gone != absent().end()) {
      c_.error("forbidden_name", at, "Policies have no " + quoted(full) + ".", gone->second);
      return;
    }
    const auto near = nearest(name, members);
    c_.error("undefined_name", at, "There is no " + quoted(full) + ".", near.empty() ? "`ccp policy stubs` writes what there is." : "Did you mean " + table + "." + near + "?");
  }

  /// s:find(…): of texts, unless the policy made tables with such a member.
  void method(const Expr& expr) {
    if (own_members_.count(expr.text) != 0) return;
    const auto& members = known().tables.at("string");
    if (has(members, expr.text)) return;
    missing("string", expr.text, expr.text_at, members);
  }

  void shadows(const std::string& name, const Place& at) {
    if (has(known().globals, name))
      c_.warning("shadowed_builtin", at, "The name " + quoted(name) + " hides what the library has.", "Use another name.");
    else if (name == "_ENV")
      c_.error("forbidden_name", at, "Policies have no \"_ENV\".", "Use another name.");
  }

  void declared(const Stat& stat) {
    for (const auto& name : stat.names) {
      shadows(name.name, name.at);
      if (stat.kind != StatKind::local && stat.kind != StatKind::local_function) continue;
      if (name.local == nullptr || name.local->reads > 0 || name.name.starts_with('_')) continue;
      const char* what = stat.kind == StatKind::local_function ? "The function " : "The local ";
      c_.warning("unused_local", name.at, what + quoted(name.name) + " is never used.", name.local->writes > 0 ? "It is only written: take it out, or read it." : "Take it out, or begin its name with _.");
    }
  }

  const LintContext& c_;
  std::set<std::string> own_members_, written_;
  int undefined_ = 0;
};

}  // namespace

void lintNames(const LintContext& context) { Rules(context).run(); }

}  // namespace ccp::policy::lua

// LuaLS annotations, made from the schemas and the list of the library, so that they never disagree.
#include <algorithm>
#include <map>

#include "policy/schema/library.hpp"
#include "policy/schema/schema.hpp"

namespace ccp::policy {
namespace {

/// "feature.gate" → "FeatureGate".
std::string className(std::string_view text) {
  std::string out;
  bool up = true;
  for (const char c : text) {
    if (c == '.' || c == '_') {
      up = true;
      continue;
    }
    out += up && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    up = false;
  }
  return out;
}

std::string oneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

class Writer {
 public:
  std::string out;

  /// The LuaLS type of a schema; classes that it needs are written before.
  std::string typeOf(const Schema& schema, const std::string& name) {
    if (const auto domain = schema.domain(); !domain.empty() && domain.front().isString()) {
      std::string alternatives;
      for (const auto& value : domain) alternatives += (alternatives.empty() ? "" : "|") + value.dump();
      return alternatives;
    }
    const auto type = schema.type();
    if (type == "object") return objectType(schema, name);
    if (type == "array") {
      const auto item = schema.below({"*"});
      const auto inner = item ? typeOf(*item, name + "Item") : "any";
      return (inner.find('|') == std::string::npos ? inner : "(" + inner + ")") + "[]";
    }
    if (type.empty()) return "any";
    std::string list;
    for (std::size_t at = 0; at <= type.size();) {
      const auto end = std::min(type.find('|', at), type.size());
      const auto one = type.substr(at, end - at);
      list += (list.empty() ? "" : "|") + (one == "null" ? "nil" : one);
      at = end + 1;
    }
    return list;
  }

 private:
  std::string objectType(const Schema& schema, const std::string& name) {
    const auto members = schema.members();
    if (members.empty()) {
      const auto any = schema.below({"*"});
      return "table<string, " + (any ? typeOf(*any, name + "Value") : "any") + ">";
    }
    std::string text;
    if (!schema.description().empty()) text += "---" + oneLine(schema.description()) + "\n";
    text += "---@class " + name + "\n";
    for (const auto& member : members) {
      const auto below = *schema.below({member});
      text += "---@field " + member + (schema.alwaysHas(member) ? " " : "? ") + typeOf(below, name + "." + className(member));
      if (!below.description().empty()) text += " # " + oneLine(below.description());
      text += '\n';
    }
    out += text + '\n';
    return name;
  }
};

void writeLibrary(std::string& out) {
  std::string library_of;
  std::map<std::string, std::string> classes{{"string", "stringlib"}, {"table", "tablelib"}, {"math", "mathlib"}, {"utf8", "utf8lib"}, {"ccp", "ccplib"}};
  for (const auto& entry : library()) {
    const auto dot = entry.name.find('.');
    const std::string table(dot == std::string_view::npos ? "" : entry.name.substr(0, dot));
    if (table != library_of) {
      out += "---@class " + classes[table] + "\n" + table + " = {}\n\n";
      library_of = table;
    }
    out += "---" + std::string(entry.doc) + "\n";
    if (entry.constant) {
      out += "---@type " + std::string(entry.returns) + "\n" + std::string(entry.name) + " = nil\n\n";
      continue;
    }
    std::string names;
    // Parameters are separated by ", " outside of parentheses.
    int nesting = 0;
    std::string one;
    const auto flush = [&] {
      if (one.empty()) return;
      const auto colon = one.find(": ");
      auto name = one.substr(0, colon);
      const auto type = one.substr(colon + 2);
      out += name == "..." ? "---@vararg " + type + "\n" : "---@param " + name + " " + type + "\n";
      if (name.ends_with('?')) name.pop_back();
      names += (names.empty() ? "" : ", ") + name;
      one.clear();
    };
    for (std::size_t i = 0; i < entry.parameters.size(); ++i) {
      const char c = entry.parameters[i];
      nesting += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (c == ',' && nesting == 0) {
        flush();
        ++i;  // the space
      } else {
        one += c;
      }
    }
    flush();
    if (!entry.returns.empty()) out += "---@return " + std::string(entry.returns) + "\n";
    out += "function " + std::string(entry.name) + "(" + names + ") end\n\n";
  }
}

}  // namespace

std::string luaStubs() {
  std::string out =
      "---@meta\n\n-- What a policy sees: the inputs and results of the decision points, and the library of the sandbox.\n"
      "-- Made by `ccp policy stubs` from the schemas; do not edit.\n\n";
  Writer writer;
  for (const auto& point : allPoints()) {
    const auto name = className(point.name);
    writer.typeOf(inputSchema(point.point), name + "Input");
    writer.typeOf(resultSchema(point.point), name + "Result");
  }
  out += writer.out;
  writeLibrary(out);
  return out;
}

}  // namespace ccp::policy

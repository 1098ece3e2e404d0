#include "policy/analysis/lint.hpp"

#include <algorithm>
#include <map>

#include "policy/analysis/lint_context.hpp"
#include "policy/analysis/parser.hpp"
#include "policy/analysis/walk.hpp"

namespace ccp::policy {
namespace {

using lua::Place;

constexpr std::size_t kMaxFindings = 200;  ///< of one file

void sortFindings(std::vector<Finding>& findings) {
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  const auto same = [](const Finding& a, const Finding& b) { return a.line == b.line && a.column == b.column && a.code == b.code && a.message == b.message; };
  findings.erase(std::unique(findings.begin(), findings.end(), same), findings.end());
  if (findings.size() > kMaxFindings) findings.resize(kMaxFindings);
}

/// Marks that make source read otherwise than it runs, anywhere, comments too (CVE-2021-42574).
void findBidi(const std::string& file, std::string_view source, std::vector<Finding>& out) {
  Place at;
  for (std::size_t i = 0; i < source.size(); ++i) {
    const auto rest = source.substr(i);
    const auto is = [&](std::string_view mark) { return rest.starts_with(mark); };
    const auto between = [&](std::string_view prefix, unsigned char low, unsigned char high) {
      return rest.size() >= 3 && rest.starts_with(prefix) && static_cast<unsigned char>(rest[2]) >= low && static_cast<unsigned char>(rest[2]) <= high;
    };
    if (between("\xE2\x80", 0xAA, 0xAE) || between("\xE2\x81", 0xA6, 0xA9) || is("\xE2\x80\x8E") || is("\xE2\x80\x8F") || is("\xD8\x9C")) {
      out.push_back({Severity::error, "bidi_mark", file, at.line, at.column, "Here stands an invisible mark that changes the direction of the text: the line does not run as it reads.",
                     "Delete the mark; write such characters as \\u{…} in texts."});
    }
    if (source[i] == '\n') {
      ++at.line;
      at.column = 1;
    } else if ((static_cast<unsigned char>(source[i]) & 0xC0) != 0x80) {
      ++at.column;
    }
  }
}

}  // namespace

namespace lua {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 60)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  if (text.size() > 60) out += "…";
  return out + "\"";
}

}  // namespace lua

std::vector<Finding> lintFile(std::string_view path, std::string_view source, const Schema* input, const Schema* result) {
  std::vector<Finding> findings;
  const std::string file(path);
  findBidi(file, source, findings);
  auto chunk = lua::parse(source);
  if (!chunk) {
    const auto& error = chunk.error();
    findings.push_back({Severity::error, "syntax", file, error.at.line, error.at.column, "This is no Lua: " + error.message + ".", "Correct the line."});
    sortFindings(findings);
    return findings;
  }
  const auto names = lua::bind(*chunk);
  lua::Paths paths(names);
  const lua::LintContext context{file, *chunk->body, names, paths, input, result, findings};
  lua::lintNames(context);
  lua::lintFields(context);
  lua::lintLogic(context);
  lua::lintFlow(context);
  lua::lintResults(context);
  sortFindings(findings);
  return findings;
}

std::vector<Finding> lint(const PackDocument& pack) {
  std::vector<Finding> out;
  for (const auto& [path, source] : pack.files) {
    if (!path.ends_with(".lua")) continue;
    std::vector<Point> points;
    for (const auto& [point, entry] : pack.entry) {
      if (entry == path) points.push_back(point);
    }
    std::vector<Finding> of_file;
    if (points.empty()) {
      of_file = lintFile(path, source);
      of_file.push_back({Severity::warning, "unused_file", path, 0, 0, "No decision point is entered at this file, and files cannot load each other.",
                         "Name it in \"entry\" of pack.json, or take it out of the pack."});
    }
    // A file that serves several points is held against each of them.
    for (const auto point : points) {
      for (auto& finding : lintFile(path, source, &inputSchema(point), &resultSchema(point))) of_file.push_back(std::move(finding));
    }
    sortFindings(of_file);
    out.insert(out.end(), std::make_move_iterator(of_file.begin()), std::make_move_iterator(of_file.end()));
  }
  for (const auto& [point, schema] : pack.input_schema) {
    if (auto compiled = Schema::compile(schema); !compiled)
      out.push_back({Severity::error, "input_schema", "pack.json", 0, 0, compiled.error().detail, "Correct /input_schema of pack.json; docs/policy-guide/schemas.md lists the keywords."});
  }
  for (const auto& [point, path] : pack.entry) {
    const bool tested = std::any_of(pack.tests.begin(), pack.tests.end(), [p = point](const PackTest& test) { return test.point == p; });
    if (!tested)
      out.push_back({Severity::warning, "untested", path, 0, 0, "No test asks " + std::string(toString(point)) + ".", "Add a case to tests/; `ccp policy test --coverage` shows what runs."});
  }
  return out;
}

std::vector<ReadField> readFields(std::string_view source) {
  auto chunk = lua::parse(source);
  if (!chunk) return {};
  const auto names = lua::bind(*chunk);
  lua::Paths paths(names);
  std::vector<ReadField> out;
  std::map<lua::Path, std::size_t> known;
  const auto field = [&](const lua::Path& path) -> ReadField& {
    const auto [at, fresh] = known.emplace(path, out.size());
    if (fresh) out.push_back({path, {}});
    return out[at->second];
  };
  const auto constant = [](const lua::Expr& expr) -> std::optional<Json> {
    if (expr.kind == lua::ExprKind::string) return Json(expr.text);
    if (expr.kind == lua::ExprKind::boolean) return Json(expr.truth);
    if (expr.kind == lua::ExprKind::number) {
      const auto whole = static_cast<std::int64_t>(std::clamp(expr.number, -9e15, 9e15));
      return static_cast<double>(whole) == expr.number ? Json(whole) : Json(expr.number);
    }
    return std::nullopt;
  };
  lua::walk(*chunk->body, {nullptr,
                           [&](const lua::Expr& expr) {
                             if (expr.kind == lua::ExprKind::index) {
                               if (const auto path = paths.of(expr); path && !path->empty()) field(*path);
                             }
                             if (expr.kind != lua::ExprKind::binary || expr.parts.size() != 2) return;
                             for (const int side : {0, 1}) {
                               const auto path = paths.of(*expr.parts[static_cast<std::size_t>(side)]);
                               const auto value = constant(*expr.parts[static_cast<std::size_t>(1 - side)]);
                               const bool compares = expr.text == "==" || expr.text == "~=" || expr.text == "<" || expr.text == ">" || expr.text == "<=" || expr.text == ">=";
                               if (!path || path->empty() || !value || !compares) continue;
                               auto& compared = field(*path).compared;
                               if (std::find(compared.begin(), compared.end(), *value) == compared.end()) compared.push_back(*value);
                             }
                           },
                           nullptr});
  return out;
}

}  // namespace ccp::policy

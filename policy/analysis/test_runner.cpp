#include "policy/analysis/test_runner.hpp"

#include <algorithm>
#include <set>

#include "policy/analysis/coverage.hpp"
#include "policy/evaluation/compiled_set.hpp"
#include "policy/schema/schema.hpp"

namespace ccp::policy {
namespace {

constexpr std::size_t kShownBytes = 160;

std::string shown(const Json& value) {
  auto text = value.dump();
  if (text.size() > kShownBytes) text = text.substr(0, kShownBytes) + "…";
  return text;
}

bool isEmptyTable(const Json& value) { return (value.isObject() || value.isArray()) && value.empty(); }

/// The first difference below `pointer`; empty: none.
std::string compare(const Json& expected, const Json& answer, bool whole, const std::string& pointer) {
  if (isEmptyTable(expected) && isEmptyTable(answer)) return {};
  if (expected.isNumber() && answer.isNumber() && expected.asDouble() == answer.asDouble()) return {};
  if (expected.isObject() && answer.isObject()) {
    for (const auto& [name, value] : expected.members()) {
      const auto at = pointer + "/" + name;
      const auto* there = answer.find(name);
      if (there == nullptr) {
        if (value.isNull() || isEmptyTable(value)) continue;  // the engine leaves empty tables out
        return at + " is missing, " + shown(value) + " is expected";
      }
      if (auto found = compare(value, *there, whole, at); !found.empty()) return found;
    }
    if (!whole) return {};
    for (const auto& [name, value] : answer.members()) {
      if (expected.find(name) == nullptr) return pointer + "/" + name + " is " + shown(value) + ", and nothing is expected";
    }
    return {};
  }
  if (expected.isArray() && answer.isArray() && expected.size() == answer.size()) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (auto found = compare(expected.items()[i], answer.items()[i], whole, pointer + "/" + std::to_string(i)); !found.empty()) return found;
    }
    return {};
  }
  if (expected == answer) return {};
  return (pointer.empty() ? "the answer" : pointer) + " is " + shown(answer) + ", " + shown(expected) + " is expected";
}

Json filled(const Schema& schema, const Json& value) {
  if (!value.isObject()) return value;
  Json out = value;
  for (const auto& name : schema.members()) {
    const auto below = *schema.below({name});
    if (const auto* given = value.find(name))
      out.set(name, filled(below, *given));
    else if (schema.alwaysHas(name))
      // Of an object, again only what must be there: the case did not ask for the rest.
      out.set(name, below.type() == "object" ? filled(below, Json::object()) : below.example());
  }
  return out;
}

class Runner {
 public:
  Runner(const PackDocument& pack, const CompiledSet& set, bool coverage) : pack_(pack), set_(set), coverage_(coverage) {}

  TestReport run() {
    TestReport out;
    for (const auto& test : pack_.tests) out.results.push_back(one(test));
    if (coverage_) {
      for (const auto& [path, source] : pack_.files) {
        if (path.ends_with(".lua")) out.coverage[path] = coverageOf(path, source);
      }
    }
    return out;
  }

 private:
  TestResult one(const PackTest& test) {
    TestResult out{test.name, test.point, test.golden, false, {}, {}, {}};
    if (!set_.answers(test.point)) {
      out.message = "no file of the pack is entered at " + std::string(toString(test.point));
      return out;
    }
    const Json input = completeInput(test.point, test.input);
    if (const auto wrong = inputSchema(test.point).check(input); !wrong.empty()) {
      out.message = "the input does not fit the point: " + wrong[0].pointer + " " + wrong[0].rule;
      return out;
    }
    const auto answer = set_.decide(test.point, input.dump(), {.fields = false, .lines = coverage_}, &input);
    const auto& said = answer.packs.front();
    const auto& outcome = said.outcome;
    out.elapsed = outcome.elapsed;
    if (coverage_) ran_[pack_.entry.at(test.point)].insert(outcome.lines.begin(), outcome.lines.end());
    if (said.condition != Condition::asked) {
      out.message = "the input does not fit the pack's own schema: " + outcome.message;
    } else if (outcome.fault != Fault::none) {
      out.message = std::string(toString(outcome.fault)) + ": " + outcome.message;
    } else {
      out.answer = outcome.result;
      out.message = difference(test.expect, outcome.result, test.golden);
      out.passed = out.message.empty();
    }
    return out;
  }

  FileCoverage coverageOf(const std::string& path, const std::string& source) {
    FileCoverage out;
    const auto& ran = ran_[path];
    for (const auto& line : executableLines(source)) {
      ++out.lines;
      const auto hit = ran.lower_bound(line.first);
      if (hit != ran.end() && *hit <= line.last)
        ++out.ran;
      else
        out.missed.push_back(line.first);
    }
    return out;
  }

  const PackDocument& pack_;
  const CompiledSet& set_;
  const bool coverage_;
  std::map<std::string, std::set<int>> ran_;
};

}  // namespace

bool TestReport::passed() const noexcept { return failures() == 0; }

std::size_t TestReport::failures() const noexcept {
  return static_cast<std::size_t>(std::count_if(results.begin(), results.end(), [](const TestResult& result) { return !result.passed; }));
}

double TestReport::coveredShare() const noexcept {
  int lines = 0, ran = 0;
  for (const auto& [path, file] : coverage) {
    lines += file.lines;
    ran += file.ran;
  }
  return lines == 0 ? 1.0 : static_cast<double>(ran) / lines;
}

Json completeInput(Point point, const Json& input) {
  const auto& schema = inputSchema(point);
  Json out = filled(schema, input);
  if (out.isObject() && out.find("point") == nullptr) out.set("point", toString(point));
  return out;
}

std::string difference(const Json& expected, const Json& answer, bool whole) { return compare(expected, answer, whole, ""); }

Result<TestReport> runTests(Engine& engine, const PackDocument& pack, bool coverage) {
  VerifiedSet set;
  set.org = pack.org;
  set.origin = Origin::builtin;
  set.packs.push_back({pack, {}, {}});
  CCP_TRY(const auto compiled, CompiledSet::compile(engine, std::move(set)));
  return Runner(pack, *compiled, coverage).run();
}

}  // namespace ccp::policy

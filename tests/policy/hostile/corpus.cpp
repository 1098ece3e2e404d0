#include "tests/policy/hostile/corpus.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace fs = std::filesystem;

namespace ccp::policy::hostile {
namespace {

Fault faultOf(const std::string& name) {
  for (const auto fault :
       {Fault::timeout, Fault::memory, Fault::load_error, Fault::runtime_error, Fault::bad_result})
    if (name == toString(fault)) return fault;
  throw std::runtime_error("no outcome is called \"" + name + "\"");
}

void readHeader(const std::string& source, Case& out) {
  std::istringstream lines(source);
  bool found = false;
  for (std::string line; std::getline(lines, line) && line.starts_with("-- ");) {
    if (line.starts_with("-- expect: ")) {
      out.expect.fill(parseExpectation(line.substr(11)));
      found = true;
    } else if (line.starts_with("-- expect ") && line.size() > 13 && line[11] == ':') {
      out.expect.at(static_cast<std::size_t>(line[10] - '1')) = parseExpectation(line.substr(13));
      found = true;
    }
  }
  if (!found) throw std::runtime_error(out.name + " does not say what is expected");
}

}  // namespace

std::string Expectation::refuses(const Outcome& outcome) const {
  if (outcome.fault != Fault::none) {
    if (faults.contains(outcome.fault)) return {};
    return std::string(toString(outcome.fault)) + " (" + outcome.message + "), not " + text;
  }
  const auto shown = outcome.result.dump().substr(0, 300);
  if (outcome.result["allow"].asBool().value_or(true)) return "ALLOWED: " + shown;
  if (any_decision) return {};
  if (!decision) return shown + ", not " + text;
  for (const auto& [name, value] : decision->members())
    if (!(outcome.result[name] == value)) return shown + ", not " + text;
  return {};
}

Expectation parseExpectation(const std::string& text) {
  Expectation out;
  out.text = text;
  std::string rest = text;
  while (!rest.empty()) {
    if (rest.front() == '{') {
      const auto decision = parseJson(rest);
      if (!decision) throw std::runtime_error("no JSON: " + rest);
      out.decision = *decision;
      return out;
    }
    const auto bar = rest.find('|');
    const auto word = rest.substr(0, bar);
    if (word == "decision")
      out.any_decision = true;
    else
      out.faults.insert(faultOf(word));
    rest = bar == std::string::npos ? "" : rest.substr(bar + 1);
  }
  return out;
}

std::vector<Case> readCorpus(const std::string& folder) {
  std::vector<Case> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".lua") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    Case one;
    one.name = fs::relative(entry.path(), folder).replace_extension().string();
    one.source = text.str();
    readHeader(one.source, one);
    out.push_back(std::move(one));
  }
  std::sort(out.begin(), out.end(), [](const Case& a, const Case& b) { return a.name < b.name; });
  return out;
}

std::string inputOf(int call) {
  const auto n = std::to_string(call);
  return R"({"n":)" + n + R"(,"secret":"of call )" + n +
         R"(","subject":{"plan":"free","role":"dev","usage":41},"resource":{"model":"opus","branch":"feature/x",)"
         R"("tags":["a","b","c"]},"list":[3,1,2],"flag":false,"nothing":null,"deep":{"a":{"b":{"c":1}}},)"
         R"("text":"Grüße","half":0.5,"now":"2026-11-21T12:00:00Z"})";
}

const Json& constants() {
  static const Json data = *parseJson(R"({"plan":"team","models":{"list":["opus","haiku"]}})");
  return data;
}

}  // namespace ccp::policy::hostile

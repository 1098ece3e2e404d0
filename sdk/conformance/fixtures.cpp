#include "sdk/conformance/fixtures.hpp"

#include <algorithm>
#include <filesystem>

namespace ccp::kit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFixture = std::size_t{4} << 20;

Fixture readFixture(const fs::path& path) {
  Fixture out;
  out.file = path.parent_path().filename().string() + "/" + path.filename().string();
  const auto text = readWholeFile(path.string(), kMaxFixture);
  const auto parsed = text ? parseJson(*text, {kMaxFixture, 64}) : Result<Json>(fail(text.error()));
  if (!parsed) {
    out.problem = parsed.error().detail;
    return out;
  }
  const auto complain = [&](const std::string& finding) {
    if (out.problem.empty()) out.problem = finding;
  };
  for (const auto& member : parsed->members()) {
    static constexpr std::string_view kKnown[] = {"title", "now", "in", "http", "expect"};
    if (std::find(std::begin(kKnown), std::end(kKnown), member.first) == std::end(kKnown)) complain("unknown member \"" + member.first + "\"");
  }
  out.in = (*parsed)["in"];
  out.http = (*parsed)["http"];
  out.expect = (*parsed)["expect"];
  if (out.in.isNull()) complain("it has no \"in\"");
  if (!out.expect.isObject()) complain("it has no \"expect\"");
  if (rcFromName(out.expect.strOr("rc", "OK")) < 0) complain("\"expect\".\"rc\" is no class of ccp/abi/plugin.h");
  if (const auto now = parsed->optStr("now")) {
    if (const auto time = parseRfc3339(*now)) {
      out.now_us = toMicros(*time);
    } else {
      complain("\"now\" is no RFC 3339 time");
    }
  }
  return out;
}

}  // namespace

ccp_rc rcFromName(std::string_view name) {
  for (ccp_rc rc = 0; rc < CCP_RC_COUNT; ++rc) {
    if (rcName(rc) == name) return rc;
  }
  return -1;
}

std::vector<Fixture> fixturesOf(const Subject& subject, std::string_view interface_id, std::string_view op) {
  std::vector<Fixture> out;
  if (subject.fixtures.empty()) return out;
  const std::string interface_folder(interface_id.substr(0, interface_id.find('/')));
  for (const auto& folder : {subject.fixtures + "/" + std::string(op), subject.fixtures + "/" + interface_folder + "/" + std::string(op)}) {
    std::vector<fs::path> files;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) out.push_back(readFixture(file));
  }
  return out;
}

HttpAnswer HttpScript::answer(const HttpAsk& ask) {
  const auto complain = [&](const std::string& text) {
    if (complaint_.empty()) complaint_ = text;
    return HttpAnswer::refused(CCP_RC_UNAVAILABLE);
  };
  const std::string asked = ask.method + " " + ask.url;
  if (next_ >= exchanges_.size()) return complain("it sent " + asked + ", which the fixture does not expect any more");
  const Json& exchange = exchanges_.items()[next_++];
  const Json& request = exchange["request"];
  for (const auto& [member, actual] : {std::pair<const char*, const std::string&>{"method", ask.method}, {"url", ask.url}}) {
    if (const auto* wanted = request[member].asString(); wanted && *wanted != actual) {
      return complain("exchange " + std::to_string(next_) + " expects the " + member + " " + *wanted + "; it sent " + asked);
    }
  }
  if (const Json& wanted = request["body"]; !wanted.isNull()) {
    const auto body = parseJson(ask.body, {std::size_t{16} << 20, 64});
    const std::string at = wanted.asString() ? (*wanted.asString() == ask.body ? "" : "the text differs") : body ? difference(wanted, *body) : "the body is no JSON";
    if (!at.empty()) return complain("exchange " + std::to_string(next_) + " (" + asked + ") has another body: " + at);
  }
  const Json& response = exchange["response"];
  if (const auto* rc = response["rc"].asString()) return HttpAnswer::refused(std::max(rcFromName(*rc), CCP_RC_INVALID_ARGUMENT));
  HttpAnswer out;
  out.status = static_cast<int>(response.intOr("status", 200));
  for (const auto& header : response["headers"].items()) {
    if (header.size() == 2 && header.items()[0].asString() && header.items()[1].asString()) out.headers.emplace_back(*header.items()[0].asString(), *header.items()[1].asString());
  }
  out.body = response.find("json") ? response["json"].dump() : response.strOr("body");
  return out;
}

std::string HttpScript::complaint() const {
  if (!complaint_.empty()) return complaint_;
  if (next_ < exchanges_.size()) return "it sent " + std::to_string(next_) + " requests of " + std::to_string(exchanges_.size()) + " that the fixture has";
  return {};
}

std::string difference(const Json& expected, const Json& actual, const std::string& pointer) {
  const std::string here = pointer.empty() ? "/" : pointer;
  if (expected.isObject()) {
    if (!actual.isObject()) return here + " is no object";
    for (const auto& [key, value] : expected.members()) {
      const Json* found = actual.find(key);
      if (!found && value.isNull()) continue;  // null and absent say the same
      if (!found) return pointer + "/" + key + " is missing";
      if (auto text = difference(value, *found, pointer + "/" + key); !text.empty()) return text;
    }
    return {};
  }
  if (expected.isArray()) {
    if (!actual.isArray() || actual.size() != expected.size()) return here + " is " + actual.dump().substr(0, 120) + "; a list of " + std::to_string(expected.size()) + " is expected";
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (auto text = difference(expected.items()[i], actual.items()[i], pointer + "/" + std::to_string(i)); !text.empty()) return text;
    }
    return {};
  }
  return expected == actual ? std::string() : here + " is " + actual.dump().substr(0, 120) + "; " + expected.dump().substr(0, 120) + " is expected";
}

}  // namespace ccp::kit

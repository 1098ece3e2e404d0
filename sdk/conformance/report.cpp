#include "sdk/conformance/report.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

#include "core/base/encoding.hpp"

namespace ccp::kit {
namespace {

constexpr std::size_t kIdWidth = 24;
constexpr std::size_t kModeWidth = 9;

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  if (out.size() < width) out.append(width - out.size(), ' ');
  return out;
}

std::string seconds(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

struct Totals {
  int passed = 0, failed = 0, skipped = 0;
};
Totals totals(const std::vector<Report>& reports) {
  Totals out;
  for (const auto& r : reports) ++(r.status == "passed" ? out.passed : r.status == "skipped" ? out.skipped : out.failed);
  return out;
}

/// For terminals and XML: valid UTF-8 without control characters.
std::string printable(std::string_view text) {
  std::string out;
  const bool valid = isValidUtf8(text);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || (!valid && byte >= 0x80)) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x", byte);
      out += hex;
    } else {
      out += c;
    }
  }
  return out;
}

std::string xml(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace

bool anyFailed(const std::vector<Report>& reports) { return totals(reports).failed > 0; }

std::string asTable(const Subject& subject, const std::vector<Report>& reports, double all_seconds) {
  std::string out = "ccp-plugin-check " CCP_VERSION ": " + subject.name() + (subject.manifest ? " " + subject.manifest->version : std::string()) + " (" + subject.library_path + ")\n";
  int level = -1;
  for (const auto& r : reports) {
    if (r.test->level != level) {
      level = r.test->level;
      out += "\nLevel " + std::to_string(level) + ": " + std::string(levelTitle(level)) + "\n";
    }
    const std::string word = r.status == "passed" ? "ok" : r.status == "skipped" ? "skipped" : "FAILED";
    out += "  " + padded(word, 8) + padded(r.test->id, kIdWidth) + padded(modeName(r.mode), kModeWidth);
    out += r.status == "skipped" ? printable(r.reason) : std::string(r.test->title);
    out += "\n";
    for (const auto& f : r.failures) {
      out += "          found:  " + printable(f.found) + "\n          needed: " + printable(f.needed) + "\n          do:     " + printable(f.action) + "\n";
    }
    if (r.status != "skipped") {
      for (const auto& note : r.notes) out += "          " + printable(note) + "\n";
    }
  }
  const Totals sum = totals(reports);
  out += "\n" + std::to_string(sum.passed) + " ok, " + std::to_string(sum.failed) + " failed, " + std::to_string(sum.skipped) + " skipped in " + seconds(all_seconds) + " s\n";
  return out;
}

std::string asJson(const Subject& subject, const std::vector<Report>& reports, double all_seconds) {
  Json tests = Json::array();
  for (const auto& r : reports) {
    Json failures = Json::array();
    for (const auto& f : r.failures) failures.push(Json::object({{"found", f.found}, {"needed", f.needed}, {"do", f.action}}));
    Json notes = Json::array();
    for (const auto& note : r.notes) notes.push(note);
    tests.push(Json::object({{"id", r.test->id}, {"level", r.test->level}, {"mode", modeName(r.mode)}, {"title", r.test->title}, {"status", r.status},
                             {"reason", r.reason}, {"failures", failures}, {"notes", notes}, {"seconds", r.seconds}}));
  }
  const Totals sum = totals(reports);
  return Json::object({{"plugin", subject.manifest ? subject.manifest->id : ""}, {"version", subject.manifest ? subject.manifest->version : ""}, {"library", subject.library_path},
                       {"kit", CCP_VERSION}, {"passed", sum.passed}, {"failed", sum.failed}, {"skipped", sum.skipped}, {"seconds", all_seconds}, {"tests", tests}})
             .pretty() + "\n";
}

std::string asJunit(const Subject& subject, const std::vector<Report>& reports, double all_seconds) {
  const Totals sum = totals(reports);
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"" + xml(subject.name()) + "\" tests=\"" + std::to_string(reports.size()) + "\" failures=\"" +
                    std::to_string(sum.failed) + "\" skipped=\"" + std::to_string(sum.skipped) + "\" time=\"" + seconds(all_seconds) + "\">\n";
  std::map<std::string, std::vector<const Report*>> suites;
  for (const auto& r : reports) suites["L" + std::to_string(r.test->level) + "." + modeName(r.mode)].push_back(&r);
  for (const auto& [name, members] : suites) {
    int failed = 0, skipped = 0;
    for (const auto* r : members) {
      failed += r->status == "failed";
      skipped += r->status == "skipped";
    }
    out += " <testsuite name=\"" + name + "\" tests=\"" + std::to_string(members.size()) + "\" failures=\"" + std::to_string(failed) + "\" skipped=\"" + std::to_string(skipped) + "\">\n";
    for (const auto* r : members) {
      out += "  <testcase classname=\"" + xml(subject.name()) + "." + name + "\" name=\"" + xml(r->test->id) + "\" time=\"" + seconds(r->seconds) + "\">";
      if (r->status == "skipped") out += "<skipped message=\"" + xml(r->reason) + "\"/>";
      for (const auto& f : r->failures) {
        out += "<failure message=\"" + xml(f.found) + "\">needed: " + xml(f.needed) + "\ndo: " + xml(f.action) + "</failure>";
      }
      out += "</testcase>\n";
    }
    out += " </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

std::string listOfTests() {
  std::string out;
  int level = -1;
  for (const auto& test : allTests()) {
    if (test.level != level) {
      level = test.level;
      out += "Level " + std::to_string(level) + ": " + std::string(levelTitle(level)) + "\n";
    }
    const std::string modes = test.file ? "file" : test.inproc && test.process ? "both" : test.inproc ? "inproc" : "process";
    out += "  " + padded(test.id, kIdWidth) + padded(modes, kModeWidth) + std::string(test.title) + "\n";
  }
  return out;
}

}  // namespace ccp::kit

// ccp-plugin-check: does a plugin keep the contract? Exit status 0: yes; 1: a test failed; 2: it could not
// be tried (wrong usage, no such file).
#include <chrono>
#include <charconv>
#include <fstream>
#include <iostream>
#include <optional>
#include <thread>

#include "core/base/random.hpp"
#include "sdk/conformance/process_driver.hpp"
#include "sdk/conformance/report.hpp"
#include "sdk/conformance/runner.hpp"

namespace {

using namespace ccp;
using namespace ccp::kit;

constexpr const char* kUsage =
    "usage: ccp-plugin-check PLUGIN [options]\n"
    "\n"
    "PLUGIN is a library with its plugin.json beside it, or the folder of a package.\n"
    "\n"
    "  --level N           run the levels 0 to N only (0 file, 1 descriptor, 2 lifecycle, 3 behaviour,\n"
    "                      4 hostile host, 5 hygiene, 6 speed); all of them otherwise\n"
    "  --isolation MODE    inproc, process or both (default)\n"
    "  --only TEST         this test, or all whose id begins so; may be repeated\n"
    "  --fixtures DIR      recorded exchanges; otherwise the folder conformance/ beside the plugin\n"
    "  --jobs N            tests at once\n"
    "  --json              report as JSON on standard output\n"
    "  --junit FILE        report as JUnit XML as well\n"
    "  --host-program FILE ccp-plugin-host; otherwise the one beside this program\n"
    "  --list              list the tests and end\n"
    "\n"
    "Exit status: 0 all passed, 1 a test failed, 2 the plugin could not be tried.\n";

struct Arguments {
  Options options;
  bool list = false, help = false;
  std::string run_one, scratch;  ///< of a child
  std::string mode;
};

std::optional<int> numberOf(const std::string& text, int most) {
  int value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size() || value < 0 || value > most) return std::nullopt;
  return value;
}

/// The arguments, or what is wrong with them.
Result<Arguments> parse(int count, char** words) {
  Arguments out;
  Options& o = out.options;
  o.jobs = std::max(1u, std::thread::hardware_concurrency());
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--list") out.list = true;
    else if (word == "--json") o.json = true;
    else if (word == "--help" || word == "-h") out.help = true;
    else if (word.rfind("--", 0) != 0) {
      if (!o.path.empty()) return fail(Errc::bad_request, "one plugin at a time: " + o.path + " or " + word);
      o.path = word;
    } else {
      if (i + 1 >= count) return fail(Errc::bad_request, word + " needs a value");
      const std::string value = words[++i];
      if (word == "--level" || word == "--jobs") {
        const auto number = numberOf(value, word == "--level" ? 6 : 64);
        if (!number) return fail(Errc::bad_request, word + " " + value + " is out of range");
        if (word == "--level") o.level = *number;
        else o.jobs = static_cast<unsigned>(std::max(1, *number));
      } else if (word == "--isolation") {
        if (value != "inproc" && value != "process" && value != "both") return fail(Errc::bad_request, "--isolation is inproc, process or both");
        o.inproc = value != "process";
        o.process = value != "inproc";
      } else if (word == "--only") o.only.push_back(value);
      else if (word == "--fixtures") o.fixtures = value;
      else if (word == "--junit") o.junit = value;
      else if (word == "--host-program") o.host_program = value;
      else if (word == "--run-one") out.run_one = value;
      else if (word == "--mode") out.mode = value;
      else if (word == "--scratch") out.scratch = value;
      else return fail(Errc::bad_request, "unknown option " + word);
    }
  }
  for (const auto& id : o.only) {
    bool known = false;
    for (const auto& test : allTests()) known = known || test.id.starts_with(id);
    if (!known) return fail(Errc::bad_request, "no test is called " + id + "; see --list");
  }
  if (o.path.empty() && !out.list && !out.help) return fail(Errc::bad_request, "name a plugin");
  return out;
}

int check(const Arguments& arguments) {
  const Options& options = arguments.options;
  const auto subject = readSubject(options.path, options.fixtures);
  if (!subject) {
    std::cerr << "ccp-plugin-check: " << subject.error().detail << "\n";
    return 2;
  }
  setHostProgram(options.host_program);
  if (!arguments.run_one.empty()) {
    const Mode mode = arguments.mode == "inproc" ? Mode::inproc : arguments.mode == "process" ? Mode::process : Mode::file;
    return runOne(*subject, arguments.run_one, mode, arguments.scratch);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto reports = runAll(*subject, options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::cout << (options.json ? asJson(*subject, reports, seconds) : asTable(*subject, reports, seconds)) << std::flush;
  if (!options.junit.empty()) {
    std::ofstream out(options.junit);
    out << asJunit(*subject, reports, seconds);
    if (!out.flush()) {
      std::cerr << "ccp-plugin-check: " << options.junit << " cannot be written\n";
      return 2;
    }
  }
  return anyFailed(reports) ? 1 : 0;
}

}  // namespace

int main(int count, char** words) {
  const auto arguments = parse(count, words);
  if (!arguments) {
    std::cerr << "ccp-plugin-check: " << arguments.error().detail << "\n\n" << kUsage;
    return 2;
  }
  if (arguments->help) {
    std::cout << kUsage;
    return 0;
  }
  if (arguments->list) {
    std::cout << listOfTests();
    return 0;
  }
  const SystemRandom sodium;  // before any thread
  return check(*arguments);
}

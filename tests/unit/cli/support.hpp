// What the tests of the command share: a temporary folder, environment variables that are put back,
// and one run of `ccp` against a scripted server.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "core/base/json.hpp"
#include "core/net/http_client.hpp"
#include "tests/support/fakes.hpp"

namespace ccp::cli::test {

using ccp::test::FakeClock;
using ccp::test::SeededRandom;

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "ccp-cli-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  /// Writes a file and the folders above it.
  std::string write(const std::string& name, const std::string& text) const {
    const auto file = *this / name;
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

 private:
  std::string path_;
};

class Variable {
 public:
  Variable(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const std::optional<std::string>& value) const {
    value ? ::setenv(name_, value->c_str(), 1) : ::unsetenv(name_);
  }
  const char* name_;
  std::optional<std::string> before_;
};

/// Answers requests by a function and keeps them.
class FakeHttp final : public net::HttpClient {
 public:
  using Handler = std::function<Result<net::HttpResponse>(const net::HttpRequest&)>;
  Result<net::HttpResponse> send(const net::HttpRequest& request,
                                 const net::HttpOptions&) override {
    requests.push_back(request);
    if (!handler) return fail(Errc::unreachable, "connection refused");
    return handler(request);
  }
  static net::HttpResponse json(int status, const Json& body,
                                std::vector<std::pair<std::string, std::string>> headers = {}) {
    headers.emplace_back("Content-Type", "application/json");
    return {status, std::move(headers), body.dump()};
  }
  Handler handler;
  std::vector<net::HttpRequest> requests;
};

inline std::string headerOf(const net::HttpRequest& request, const std::string& name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

struct Ran {
  int code = -1;
  std::string out, err;
  Json json() const { return parseJson(out).value_or(Json()); }
};

/// One person's machine: a home of its own, a clock, a network.
struct Person {
  TempDir home;
  FakeClock clock;
  SeededRandom random;
  FakeHttp http;

  Ran ccp(const std::vector<std::string>& arguments) {
    const Variable config("CCP_CONFIG_DIR", home / "ccp");
    const Variable server("CCP_SERVER", std::nullopt);
    const Variable claude("CLAUDE_CONFIG_DIR", std::nullopt);
    const Variable own_home("HOME", home.path());
    const Variable browser("BROWSER", "/bin/true");
    std::ostringstream out, err;
    const Machine machine{http, clock, random, out, err};
    Ran ran;
    ran.code = runCcp(machine, arguments);
    ran.out = out.str();
    ran.err = err.str();
    return ran;
  }
};

/// A transcript line of one API response.
inline std::string usageLine(const std::string& id, const std::string& at, int input, int output,
                             const std::string& more = {},
                             const std::string& model = "claude-opus-4-6") {
  return R"({"type":"assistant","timestamp":")" + at + R"(","sessionId":"s1","requestId":"req_)" +
         id + R"(","version":"2.1.39",)" + more + R"("message":{"id":"msg_)" + id +
         R"(","model":")" + model + R"(","usage":{"input_tokens":)" + std::to_string(input) +
         R"(,"output_tokens":)" + std::to_string(output) + "}}}\n";
}

}  // namespace ccp::cli::test

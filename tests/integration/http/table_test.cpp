// The RFC 9112 table against the real server, and against nginx as another opinion: what both take
// they must understand alike, and what nginx refuses is refused here. Stricter than nginx is fine.
#include <doctest/doctest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/integration/http/http_world.hpp"
#include "tests/support/http_table.hpp"

extern char** environ;

using namespace ccp;
using namespace ccp::http_test;
namespace fs = std::filesystem;

namespace {

std::vector<test::HttpCase> table() {
  return test::readHttpTable(CCP_SOURCE_DIR "/tests/fixtures/http/rfc9112.txt");
}

struct Seen {
  std::string wire;
  bool closed = false;
};

/// What comes back for `bytes`; a connection is taken as open when it is silent for a moment after as
/// many answers as were expected.
Seen ask(const std::string& address, const std::string& bytes, std::size_t answers, bool closes) {
  RawClient client(address);
  client.send(bytes);
  Seen out;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < until && !client.closed()) {
    out.wire = client.readAll(std::chrono::milliseconds(closes ? 2000 : 40));
    if (!closes && test::statusesOf(out.wire, bytes.starts_with("HEAD")).size() >= answers) break;
  }
  out.closed = client.closed();
  return out;
}

/// Debian's nginx on a port of its own, with a private configuration.
class Nginx {
 public:
  Nginx() : folder_(fs::temp_directory_path() / ("ccp-nginx-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    // A port that was free a moment ago; nobody else binds within the test.
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
    ::close(fd);
    address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    std::ofstream(folder_ / "nginx.conf")
        << "daemon off; worker_processes 1; pid " << (folder_ / "pid").string() << ";\n"
        << "error_log " << (folder_ / "error.log").string() << ";\n"
        << "events { worker_connections 64; }\n"
        << "http { access_log off; server_tokens off; client_max_body_size 1m;\n"
        << "  large_client_header_buffers 4 16k; lingering_close off; client_body_temp_path " << (folder_ / "body").string() << ";\n"
        << "  proxy_temp_path " << (folder_ / "p").string() << "; fastcgi_temp_path " << (folder_ / "f").string()
        << "; uwsgi_temp_path " << (folder_ / "u").string() << "; scgi_temp_path " << (folder_ / "s").string() << ";\n"
        << "  server { listen " << address << "; default_type text/plain;\n"
        << "    return 200 \"<$request_method $request_uri $content_length>\"; } }\n";
    const std::string config = (folder_ / "nginx.conf").string();
    const std::string prefix = folder_.string() + "/";
    std::vector<std::string> words{"nginx", "-p", prefix, "-c", config, "-e", (folder_ / "error.log").string()};
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    for (const char* program : {"/usr/sbin/nginx", "/usr/bin/nginx"}) {
      if (fs::exists(program) && ::posix_spawn(&pid_, program, nullptr, nullptr, argv.data(), environ) == 0) break;
    }
  }
  ~Nginx() {
    if (pid_ > 0) {
      ::kill(pid_, SIGTERM);
      ::waitpid(pid_, nullptr, 0);
    }
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;

  bool ready() const {
    for (int i = 0; i < 400 && pid_ > 0; ++i) {
      try {
        const RawClient probe(address);
        return true;
      } catch (const std::exception&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
      }
    }
    return false;
  }
  std::string address;

 private:
  fs::path folder_;
  pid_t pid_ = 0;
};

/// "<GET / >" of every answer with 200, in order; others as "refused".
std::vector<std::string> understood(std::string_view wire) {
  std::vector<std::string> out;
  while (!wire.empty()) {
    const auto next = std::min(wire.find("HTTP/1.1 ", 1), wire.size());
    const auto answer = wire.substr(0, next);
    wire.remove_prefix(next);
    if (answer.starts_with("HTTP/1.1 100")) continue;
    const auto open = answer.find("\r\n\r\n<");
    const auto close = answer.rfind('>');
    if (!answer.starts_with("HTTP/1.1 200") || open == std::string_view::npos || close == std::string_view::npos) {
      out.emplace_back("refused");
      break;  // what comes after a refusal is not compared: it ends the conversation with one of the two
    }
    out.emplace_back(answer.substr(open + 4, close - open - 3));
  }
  if (out.empty()) out.emplace_back("refused");
  return out;
}

}  // namespace

TEST_CASE("every case of the RFC 9112 table has its outcome on a real socket") {
  World world({}, {}, [](World& w) {
    w.router = Router();
    test::addTableRoutes(w.router);
  });
  for (const auto& c : table()) {
    CAPTURE(c.name);
    const auto seen = ask(world.address, c.bytes, c.statuses.size(), c.close);
    CHECK(test::outcomeText(test::statusesOf(seen.wire, c.bytes.starts_with("HEAD")), seen.closed) ==
          test::outcomeText(c.statuses, c.close));
  }
}

TEST_CASE("where nginx and we differ, we are the stricter one") {
  Nginx nginx;
  REQUIRE(nginx.ready());
  // Here every request that is let in is answered with what was understood, as nginx does.
  World world({}, {}, [](World& w) {
    w.router = Router();
    const auto mirror = [](const Request& r) -> Result<Response> {
      // nginx shows absolute-form without its authority, and 0 as the length of chunks.
      const auto path = r.target.starts_with("http://") ? r.path : r.target;
      const auto length = r.headers.has("Transfer-Encoding") ? "0" : r.headers.get("Content-Length");
      return Response::text("<" + r.method + " " + path + " " + length + ">");
    };
    for (const char* path : {"/", "/a", "/echo", "/nowhere"}) {
      for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) w.router.add(method, path, {}, mirror);
    }
  });
  int compared = 0;
  int stricter = 0;
  for (const auto& c : table()) {
    CAPTURE(c.name);
    if (c.bytes.starts_with("HEAD")) continue;  // an answer without a body says nothing
    const auto theirs = understood(ask(nginx.address, c.bytes, c.statuses.size(), false).wire);
    const auto ours = understood(ask(world.address, c.bytes, c.statuses.size(), false).wire);
    ++compared;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (ours[i] == "refused") {
        stricter += i < theirs.size() && theirs[i] != "refused" ? 1 : 0;
        break;
      }
      // We let it in: nginx must have understood the same.
      if (!c.nginx.empty()) break;
      REQUIRE(i < theirs.size());
      CHECK(theirs[i] == ours[i]);
    }
  }
  CHECK(compared >= 120);
  MESSAGE("compared " << compared << ", stricter than nginx in " << stricter);
}

// The parts of the roof: steps, state directory, operator key, background work.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>

#include "core/app/operator_auth.hpp"
#include "core/app/periodic.hpp"
#include "core/app/state_directory.hpp"
#include "core/app/steps.hpp"
#include "core/base/file.hpp"
#include "core/base/log.hpp"
#include "tests/support/fakes.hpp"
#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::app;

namespace {

struct QuietLog {
  QuietLog() {
    log::setSink([](std::string_view) {});
  }
  ~QuietLog() { log::setSink({}); }
};

http::Request withBearer(const std::string& credential, const std::string& address = "127.0.0.1") {
  http::Request request;
  request.remote_address = address;
  request.headers.add("Authorization", "Bearer " + credential);
  return request;
}

std::string keyIn(const std::string& file) {
  auto text = readFile(file).value();
  text.pop_back();
  return text;
}

}  // namespace

TEST_CASE("steps run in order and are undone in reverse") {
  const QuietLog quiet;
  std::string story;
  Steps steps;
  for (const std::string name : {"a", "b", "c"}) {
    steps.add(
        name,
        [&story, name]() -> Status {
          story += "+" + name;
          return {};
        },
        [&story, name] { story += "-" + name; });
  }
  REQUIRE(steps.start());
  CHECK(story == "+a+b+c");
  steps.stop();
  steps.stop();
  CHECK(story == "+a+b+c-c-b-a");
}

TEST_CASE("a failing or throwing step names itself and undoes what came before, not itself") {
  const QuietLog quiet;
  for (const bool throws : {false, true}) {
    CAPTURE(throws);
    std::string story;
    Steps steps;
    steps.add(
        "a",
        [&]() -> Status {
          story += "+a";
          return {};
        },
        [&] { story += "-a"; });
    steps.add(
        "b",
        [&]() -> Status {
          if (throws) throw std::runtime_error("broken");
          return fail(Errc::io_error, "broken");
        },
        [&] { story += "-b"; });
    steps.add("c", [&]() -> Status {
      story += "+c";
      return {};
    });
    const auto started = steps.start();
    REQUIRE_FALSE(started);
    CHECK(started.error().detail == "broken");
    CHECK(steps.failedStep() == "b");
    CHECK(story == "+a-a");
  }
}

TEST_CASE("a state directory belongs to one process and keeps its mode for ever") {
  const test::TempDir temp;
  const std::string path = temp.path() + "/new/state";
  {
    const auto first = StateDirectory::open(path, config::Mode::dev);
    REQUIRE(first);
    CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::others_all) ==
          std::filesystem::perms::none);
    const auto second = StateDirectory::open(path, config::Mode::dev);
    REQUIRE_FALSE(second);
    CHECK(second.error().detail.find("another ccpd uses") != std::string::npos);
  }
  CHECK(StateDirectory::open(path, config::Mode::dev));
  const auto other = StateDirectory::open(path, config::Mode::prod);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == Errc::store_mode_mismatch);
  CHECK(other.error().detail.find("'dev'") != std::string::npos);
}

TEST_CASE("a state directory that others can write to is refused") {
  const test::TempDir temp;
  REQUIRE(::chmod(temp.path().c_str(), 0777) == 0);
  const auto opened = StateDirectory::open(temp.path(), config::Mode::dev);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().detail.find("chmod 700") != std::string::npos);
}

TEST_CASE("the operator key is made once, readable by its owner alone, and opens") {
  const test::TempDir temp;
  test::FakeClock clock;
  test::SeededRandom random;
  const std::string file = temp.path() + "/operator.key";
  REQUIRE(OperatorAuth::prepare(file, random));
  const auto key = keyIn(file);
  REQUIRE(OperatorAuth::prepare(file, random));
  CHECK(keyIn(file) == key);
  CHECK(key.starts_with("ccp_op_"));
  CHECK(key.size() >= 40);
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  OperatorAuth auth(file, clock);
  const auto principal = auth.authenticate(withBearer(key));
  REQUIRE(principal);
  CHECK(principal->isOperator());
  CHECK(principal->org.empty());
  for (const std::string& wrong :
       {key + "x", key.substr(0, key.size() - 1), std::string("ccp_op_"), std::string()}) {
    CAPTURE(wrong);
    CHECK(auth.authenticate(withBearer(wrong)).error().code == Errc::unauthenticated);
  }
  CHECK(auth.authenticate({}).error().code == Errc::unauthenticated);
}

TEST_CASE("replacing the file rotates the operator key at once") {
  const test::TempDir temp;
  test::FakeClock clock;
  test::SeededRandom random;
  const std::string file = temp.path() + "/operator.key";
  REQUIRE(OperatorAuth::prepare(file, random));
  const auto old_key = keyIn(file);
  OperatorAuth auth(file, clock);
  REQUIRE(auth.authenticate(withBearer(old_key)));
  const std::string new_key = "ccp_op_" + std::string(43, 'n');
  REQUIRE(writeFileAtomic(file, new_key + "\n", 0600));
  CHECK(auth.authenticate(withBearer(new_key)));
  CHECK_FALSE(auth.authenticate(withBearer(old_key)));
  REQUIRE(writeFileAtomic(file, "", 0600));
  CHECK_FALSE(auth.authenticate(withBearer("")));
  REQUIRE(writeFileAtomic(file, new_key, 0644));
  CHECK(auth.authenticate(withBearer(new_key)).error().code == Errc::unavailable);
  std::filesystem::remove(file);
  CHECK(auth.authenticate(withBearer(new_key)).error().code == Errc::unavailable);
}

TEST_CASE("guessing operator keys is slowed down per address, without locking the operator out") {
  const test::TempDir temp;
  test::FakeClock clock;
  test::SeededRandom random;
  const std::string file = temp.path() + "/operator.key";
  REQUIRE(OperatorAuth::prepare(file, random));
  OperatorAuth auth(file, clock);
  for (int i = 0; i < 20; ++i)
    CHECK(auth.authenticate(withBearer("guess", "203.0.113.1")).error().code ==
          Errc::unauthenticated);
  CHECK(auth.authenticate(withBearer("guess", "203.0.113.1")).error().code == Errc::rate_limited);
  CHECK(auth.authenticate(withBearer("guess", "203.0.113.2")).error().code ==
        Errc::unauthenticated);
  CHECK(auth.authenticate(withBearer(keyIn(file), "203.0.113.1")));
}

TEST_CASE("background work goes on after failures and stops promptly") {
  const QuietLog quiet;
  Metrics metrics;
  std::atomic<int> rounds{0};
  Periodic worker("test", hours(1), metrics, [&]() -> Status {
    const int n = ++rounds;
    if (n == 1) throw std::runtime_error("first");
    if (n == 2) return fail(Errc::io_error, "second");
    return {};
  });
  worker.start();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (rounds < 3 && std::chrono::steady_clock::now() < until) {
    worker.wake();
    std::this_thread::yield();
  }
  worker.stop();
  CHECK(rounds >= 3);
  CHECK(metrics.text().find("ccp_worker_failures_total{worker=\"test\"} 2") != std::string::npos);
}

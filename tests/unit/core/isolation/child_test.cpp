// A plugin in a process of its own: what crosses the boundary, and what a process that dies, hangs or lies
// costs its parent.
#include <doctest/doctest.h>

#include <dirent.h>
#include <signal.h>

#include <cstdlib>

#include "tests/unit/core/isolation/isolation_world.hpp"

using namespace ccp;
using namespace ccp::isolation;
using ccp::test::Puppet;
using ccp::test::TestCall;
using ccp::test::TestHost;
using Ended = CallEnd::Kind;

namespace {

int openDescriptors() {
  int count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder)) ++count;
  ::closedir(folder);
  return count;
}

}  // namespace

TEST_CASE("a call carries its ids, its tenant and its input, and brings back output, class and problem") {
  Puppet p("one");
  CHECK(p.ask("ids") == "one req_1 org_1 key_1 dev testd");
  CHECK(p.ask("echo", "hello") == "hello");
  TestCall call;
  const auto end = p.deed(call, "fail", "", CCP_RC_RATE_LIMITED);
  CHECK((end.kind == Ended::answered));
  CHECK(end.rc == CCP_RC_RATE_LIMITED);
  CHECK(call.err() == R"({"code":"provider_error","detail":"as told"})");
  CHECK(call.out().empty());
  TestCall other;
  CHECK(p.run(CallKind::operation, other, "{}", "complete").rc == CCP_RC_UNIMPLEMENTED);
  CHECK(p.run(CallKind::operation, other, "{}", "no_such_operation").rc == CCP_RC_UNIMPLEMENTED);
  CHECK(p.run(CallKind::tick, other, "{}", "no_such_tick").rc == CCP_RC_UNIMPLEMENTED);
}

TEST_CASE("the life cycle runs in order, ticks by name, and the process ends by itself") {
  Puppet p;
  for (const auto kind : {CallKind::configure, CallKind::start, CallKind::health}) {
    TestCall call;
    CHECK(p.run(kind, call, "{}").rc == CCP_RC_OK);
  }
  CHECK(p.host.lines == std::vector<std::string>{"every beat 1000"});
  TestCall tick;
  CHECK(p.run(CallKind::tick, tick, R"({"name":"beat"})", "beat").rc == CCP_RC_OK);
  CHECK(p.host.lines.back() == R"(ticked {"name":"beat"})");
  for (const auto kind : {CallKind::drain, CallKind::stop, CallKind::destroy}) {
    TestCall call;
    CHECK(p.run(kind, call, "{}").rc == CCP_RC_OK);
  }
  CHECK(p.child->retire(seconds(10)) == "exit status 0");
  CHECK_FALSE(p.child->alive());
  TestCall late;
  CHECK((p.deed(late, "echo").kind == Ended::lost));
}

TEST_CASE("the descriptor is known to the parent, and the confinement is told") {
  Puppet p;
  CHECK(p.child->descriptor().id == "ccp.test-puppet");
  REQUIRE(p.child->descriptor().interfaces.size() == 1);
  CHECK(p.child->descriptor().interfaces[0].first == "ccp.identity/1");
  CHECK(p.child->descriptor().interfaces[0].second.size() == 6);
  CHECK(p.child->confinement().find("seccomp") != std::string::npos);
}

TEST_CASE("bodies of a megabyte and more cross in both directions") {
  Puppet p;
  const std::string big(3 << 20, 'i');
  CHECK(p.ask("length", big) == std::to_string(Json::object({{"do", "length"}, {"text", big}, {"n", 0}}).dump().size()));
  for (const long size : {0L, 1L, 65'000L, 65'536L, 70'000L, (4L << 20) - 2}) {
    CAPTURE(size);
    TestCall call;
    const auto end = p.deed(call, "bytes", "", size);
    CHECK(end.rc == CCP_RC_OK);
    CHECK(call.out().size() == static_cast<std::size_t>(size) + 2);
  }
  TestCall call;
  CHECK(p.deed(call, "bytes", "", 4L << 20).rc == CCP_RC_RESOURCE_EXHAUSTED);
  CHECK(call.out().empty());
  CHECK(p.ask("echo", "still here") == "still here");
}

TEST_CASE("host calls run on the caller's thread, for the caller's call") {
  Puppet p;
  CHECK(p.ask("kv_put", "stored") == "8");
  CHECK(p.ask("kv_get") == "stored");
  CHECK(p.host.served_on == std::vector<std::thread::id>{std::this_thread::get_id()});
  CHECK(p.host.served_for == std::vector<std::string>{"req_1"});
  const std::string big(2 << 20, 'k');
  CHECK(p.ask("kv_put", big) == "8");
  CHECK(p.ask("kv_get") == big);
  TestCall call;
  std::string around;
  Request request;
  request.interface_id = "ccp.identity/1";
  request.name = "begin";
  request.input = R"({"do":"kv_put","text":"x"})";
  request.call = call.raw();
  request.around = [&](const std::function<void()>& work) {
    around += "<";
    work();
    around += ">";
  };
  CHECK(p.child->run(request).rc == CCP_RC_OK);
  CHECK(around == "<>");
}

TEST_CASE("a service that the host does not give is not there; primitives work without the parent") {
  Puppet p;
  // The puppet does not ask before it uses a service: that is what a call without one looks like.
  CHECK(p.ask("attempt", "clone3") != "0");
  CHECK(p.child->alive());
  CHECK(p.ask("log", "", 3) == "logged");
  CHECK(p.host.lines == std::vector<std::string>(3, R"(deed {"n":1})"));
}

TEST_CASE("a host of an older version is seen in its own size") {
  // The child of such a host: kv without remove, ccp_host without mode.
  Puppet p("old", false);
  p.child.reset();
  p.host.kv.size = offsetof(ccp_kv_v1, remove);
  p.host.host.size = offsetof(ccp_host, mode);
  p.host.host.mode = nullptr;
  const auto library = test::libraryOf("test_puppet");
  SpawnOptions options{test::hostProgram(), library->fd(), "old", &p.manifest, false};
  auto spawned = Child::spawn(options, &p.host.host);
  REQUIRE(spawned.has_value());
  p.child = std::move(*spawned);
  TestCall call;
  REQUIRE(p.run(CallKind::create, call, {}).rc == CCP_RC_OK);
  CHECK(p.ask("ids") == "old req_1 org_1 key_1 - testd");
  CHECK(p.ask("kv_put", "x") == "8");
}

TEST_CASE("the child's clocks are the host's") {
  Puppet p;
  const auto read = [&] {
    const std::string both = p.ask("clock");
    return std::pair<long long, long long>(std::atoll(both.c_str()), std::atoll(both.c_str() + both.find(' ')));
  };
  const auto first = read();
  CHECK(first.first >= 1'800'000'000'000'000);
  CHECK(first.first < 1'800'000'060'000'000);
  CHECK(first.second / 1000 >= 1'800'000'000'000'000);
  p.host.wall_us += 3'600'000'000;
  const auto later = read();
  CHECK(later.first - first.first >= 3'500'000'000);
  CHECK(later.second >= first.second);
}

TEST_CASE("eight callers with nested host calls get each its own answers") {
  Puppet p;
  std::atomic<int> wrong{0}, done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        TestCall call;
        call.request_id = "r" + std::to_string(t);
        call.mutableRaw().request_id = {call.request_id.data(), call.request_id.size()};
        const std::string mine = std::to_string(t) + "-" + std::to_string(i);
        const bool nested = i % 3 == 0;
        const auto end = p.deed(call, nested ? "kv_put" : "echo", mine);
        if (end.rc != CCP_RC_OK || call.value() != (nested ? "8" : mine)) ++wrong;
        ++done;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(done == 1600);
  CHECK(p.host.served_for.size() == 8 * 67);
  CHECK(p.child->alive());
}

TEST_CASE("one caller's slow host call does not hold up the others") {
  Puppet p;
  std::atomic<bool> go{false}, in_kv{false};
  p.host.on_kv_put = [&] {
    in_kv = true;
    while (!go) std::this_thread::sleep_for(milliseconds(1));
  };
  std::thread slow([&] { CHECK(p.ask("kv_put", "slow") == "8"); });
  while (!in_kv) std::this_thread::sleep_for(milliseconds(1));
  for (int i = 0; i < 20; ++i) CHECK(p.ask("echo", "quick") == "quick");
  go = true;
  slow.join();
}

TEST_CASE("large inputs and outputs of many callers at once do not block each other") {
  Puppet p;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  const std::string input(60'000, 'i');
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        TestCall call;
        if (p.deed(call, "echo", input).rc != CCP_RC_OK || call.value().size() != input.size()) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("a process that dies in mid-call costs its calls, with the reason, and nobody else's") {
  struct Case {
    const char* deed;
    long n;
    const char* reason;
  };
  const Case cases[] = {{"segv", 0, "signal 11 (SIGSEGV)"}, {"abort", 0, "signal 6 (SIGABRT)"}, {"exit", 3, "exit status 3"}};
  Puppet bystander;
  for (const auto& c : cases) {
    CAPTURE(std::string(c.deed));
    Puppet p;
    std::thread other([&] {
      TestCall call;
      const auto end = p.deed(call, "sleep", "", 5000);
      CHECK((end.kind == Ended::lost));
      CHECK(end.reason == c.reason);
    });
    std::this_thread::sleep_for(milliseconds(100));
    TestCall call;
    const auto end = p.deed(call, c.deed, "", c.n);
    CHECK((end.kind == Ended::lost));
    CHECK(end.reason == c.reason);
    other.join();
    CHECK_FALSE(p.child->alive());
    CHECK_FALSE(p.child->brokeProtocol());
    CHECK(bystander.ask("echo", "fine") == "fine");
  }
}

TEST_CASE("death in every phase of the life cycle is an answer") {
  for (const char* phase : {"create", "configure", "start", "health", "drain", "stop", "destroy"}) {
    CAPTURE(phase);
    Puppet p(std::string("segv-in-") + phase, false);
    CallEnd end;
    for (const auto kind : {CallKind::create, CallKind::configure, CallKind::start, CallKind::health, CallKind::drain, CallKind::stop, CallKind::destroy}) {
      TestCall call;
      end = p.run(kind, call, "{}");
      if (end.kind != Ended::answered) break;
      CHECK(end.rc == CCP_RC_OK);
    }
    CHECK((end.kind == Ended::lost));
    CHECK(end.reason == "signal 11 (SIGSEGV)");
  }
}

TEST_CASE("a call that overruns is told, then its process is killed") {
  Puppet p;
  p.patience = milliseconds(200);
  for (const char* deed : {"hang", "spin"}) {
    CAPTURE(deed);
    Puppet own;
    own.patience = milliseconds(200);
    TestCall call;
    const auto began = std::chrono::steady_clock::now();
    const auto end = own.deed(call, deed);
    const auto took = std::chrono::steady_clock::now() - began;
    CHECK((end.kind == Ended::overran));
    CHECK(took >= milliseconds(450));
    CHECK(took < seconds(5));
    CHECK_FALSE(own.child->alive());
    CHECK(own.child->reason().find("overran its deadline") != std::string::npos);
  }
  CHECK(p.ask("echo", "fine") == "fine");
}

TEST_CASE("cancellation reaches the plugin: of one call, of all, and by the deadline") {
  Puppet p;
  SUBCASE("the caller's is_cancelled") {
    TestCall call;
    std::thread soon([&] {
      std::this_thread::sleep_for(milliseconds(100));
      call.cancel();
    });
    CHECK(p.deed(call, "wait_for_cancel").rc == CCP_RC_CANCELLED);
    soon.join();
  }
  SUBCASE("everything that runs") {
    std::thread soon([&] {
      std::this_thread::sleep_for(milliseconds(100));
      p.child->cancel();
    });
    TestCall call;
    CHECK(p.deed(call, "wait_for_cancel").rc == CCP_RC_CANCELLED);
    soon.join();
  }
  SUBCASE("the deadline in the host's clock") {
    TestCall call;
    call.mutableRaw().deadline_mono_ns = static_cast<std::uint64_t>(p.host.wall_us.load()) * 1000 + 150'000'000;
    CHECK(p.deed(call, "wait_for_cancel").rc == CCP_RC_CANCELLED);
  }
  CHECK(p.ask("echo", "goes on") == "goes on");
}

TEST_CASE("breaking the protocol ends the process and is said so") {
  for (const char* how : {"garbage", "short", "huge", "lying_length", "unknown_call", "parents_frame", "second_hello", "unsealed_memfd", "wrong_memfd",
                          "two_memfds", "host_call_flood", "notice_flood"}) {
    CAPTURE(how);
    Puppet p;
    TestCall call;
    // The second call of this process: create was the first.
    const auto end = p.deed(call, "violate", how, 2);
    CHECK((end.kind == Ended::lost));
    CHECK_MESSAGE(end.reason.find("it broke the protocol: ") == 0, end.reason);
    CHECK(p.child->brokeProtocol());
    CHECK_FALSE(p.child->alive());
  }
}

TEST_CASE("a process that closes its socket, or does not read it, is ended") {
  {
    Puppet p;
    p.patience = milliseconds(500);
    TestCall call;
    // Threads that wait for the next frame keep the socket open: then it is the deadline that ends it.
    const auto end = p.deed(call, "violate", "close_socket", 2);
    CHECK((end.kind != Ended::answered));
    CHECK_FALSE(p.child->alive());
  }
  Puppet p;
  p.patience = milliseconds(500);
  TestCall call;
  const auto end = p.deed(call, "not_reading");
  CHECK((end.kind == Ended::overran));
  CHECK_FALSE(p.child->alive());
}

TEST_CASE("what crosses the boundary as an exception is an internal error, and the process goes on") {
  Puppet p;
  TestCall call;
  const auto end = p.deed(call, "throw");
  CHECK(end.rc == CCP_RC_INTERNAL);
  CHECK(call.err().find("an exception crossed the plugin boundary") != std::string::npos);
  CHECK(p.ask("echo", "goes on") == "goes on");
}

TEST_CASE("a library that cannot be loaded is refused with the reason") {
  const plugin::Manifest m = test::puppetManifest();
  TestHost host;
  const auto refusal = [&](int fd, const plugin::Manifest& manifest) {
    SpawnOptions options{test::hostProgram(), fd, "x", &manifest, false};
    const auto spawned = Child::spawn(options, &host.host);
    return spawned ? std::string("loaded") : spawned.error().detail;
  };
  const auto junk = plugin::SealedLibrary::inMemory("junk", "this is no library");
  REQUIRE(junk.has_value());
  CHECK(refusal((*junk)->fd(), m).find("it cannot be loaded") != std::string::npos);
  const auto library = test::libraryOf("test_puppet");
  plugin::Manifest other = m;
  other.version = "2.0.0";
  CHECK(refusal(library->fd(), other).find("its signed manifest says otherwise") != std::string::npos);
  other = m;
  other.provides = {"ccp.billing/1"};
  CHECK(refusal(library->fd(), other).find("ccp.billing/1") != std::string::npos);
}

TEST_CASE("nothing is left behind: no process, no descriptor") {
  { Puppet warm; }
  const int before = openDescriptors();
  pid_t pid = 0;
  for (int i = 0; i < 5; ++i) {
    Puppet p;
    pid = p.child->pid();
    CHECK(p.ask("length", std::string(100'000, 'x')) != "");
    CHECK(::kill(pid, 0) == 0);
  }
  CHECK(openDescriptors() == before);
  CHECK(::kill(pid, 0) != 0);
}

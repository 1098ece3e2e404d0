// Frames to bytes and back, and every way that bytes can be no frame.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

#include "core/isolation/wire.hpp"

using namespace ccp;
using namespace ccp::isolation;

namespace {

Hello someHello() {
  Hello hello;
  hello.instance = "polar-main";
  hello.host_name = "ccpd";
  hello.host_version = "1.2.3";
  hello.mode = "prod";
  hello.services = {{"ccp.log/1", 32}, {"ccp.kv/1", 48}};
  hello.plugin_id = "ccp.billing-polar";
  hello.plugin_version = "1.4.0";
  hello.provides = {"ccp.billing/1"};
  hello.max_concurrency = 8;
  hello.output_bytes = 1 << 20;
  hello.memory_bytes = std::uint64_t{1} << 31;
  return hello;
}

Welcome someWelcome() {
  Welcome welcome;
  welcome.version = 1;
  welcome.confinement = "seccomp";
  welcome.facts = {"ccp.x", "1.0.0", "note", 1, 1, {{"ccp.identity/1", {"begin", "describe"}}, {"ccp.notifier/1", {}}}};
  return welcome;
}

Call someCall() {
  Call call;
  call.kind = CallKind::operation;
  call.interface_id = "ccp.billing/1";
  call.name = "get_checkout";
  call.request_id = "req";
  call.tenant = "org";
  call.idempotency_key = "key";
  call.deadline_mono_ns = 1;
  call.mono_offset_ns = -2;
  call.wall_offset_us = 3;
  call.out_bytes = 4;
  call.input = R"({"a":1})";
  return call;
}

/// Cut short or followed by something, it is refused.
template <class Decode>
void strict(const std::string& body, Decode decode) {
  CHECK(decode(body).has_value());
  for (std::size_t size = 0; size < body.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode(std::string_view(body).substr(0, size)).has_value());
  }
  CHECK_FALSE(decode(body + '\0').has_value());
}

}  // namespace

TEST_CASE("every body comes back as it was") {
  const std::string hello = encode(someHello());
  CHECK(encode(*decodeHello(hello)) == hello);
  CHECK(decodeHello(hello)->services[1].first == "ccp.kv/1");
  CHECK(decodeHello(hello)->memory_bytes == std::uint64_t{1} << 31);
  const std::string welcome = encode(someWelcome());
  CHECK(encode(*decodeWelcome(welcome)) == welcome);
  CHECK(decodeWelcome(welcome)->facts.interfaces[0].second[1] == "describe");
  const std::string call_body = encode(someCall());
  const auto call = decodeCall(call_body);
  REQUIRE(call.has_value());
  CHECK(call->name == "get_checkout");
  CHECK(call->mono_offset_ns == -2);
  CHECK(call->input == R"({"a":1})");
  const std::string result_body = encode(CallResult{CCP_RC_CONFLICT, "out", "err"});
  const auto result = decodeCallResult(result_body);
  REQUIRE(result.has_value());
  CHECK(result->rc == CCP_RC_CONFLICT);
  CHECK(result->err == "err");
  const std::string host_body = encode(HostCall{Method::kv_put, {-1, 5}, {"k", std::string_view("v\0w", 3), ""}});
  const auto host = decodeHostCall(host_body);
  REQUIRE(host.has_value());
  CHECK((host->method == Method::kv_put));
  CHECK(host->ints[0] == -1);
  CHECK(host->texts[1].size() == 3);
  const std::string answer_body = encode(HostResult{CCP_RC_OK, 7, {"a", "b", "c"}});
  CHECK(decodeHostResult(answer_body)->texts[2] == "c");
}

TEST_CASE("bodies that are cut short or too long are refused") {
  strict(encode(someHello()), decodeHello);
  strict(encode(someWelcome()), decodeWelcome);
  strict(encode(someWelcome().facts), decodeFacts);
  strict(encode(someCall()), decodeCall);
  strict(encode(CallResult{CCP_RC_OK, "out", ""}), decodeCallResult);
  strict(encode(HostCall{Method::http_send, {}, {"head", "body", ""}}), decodeHostCall);
  strict(encode(HostResult{CCP_RC_OK, 0, {"x", "", ""}}), decodeHostResult);
}

TEST_CASE("values that no peer of ours writes are refused") {
  std::string hello = encode(someHello());
  hello[0] = 'X';
  CHECK_FALSE(decodeHello(hello).has_value());
  std::string call = encode(someCall());
  call[0] = 9;
  CHECK_FALSE(decodeCall(call).has_value());
  std::string host = encode(HostCall{Method::log_write, {}, {}});
  for (const char method : {'\0', '\x0e', '\x7f'}) {
    host[0] = method;
    CHECK_FALSE(decodeHostCall(host).has_value());
  }
  CHECK_FALSE(decodeCallResult(encode(CallResult{CCP_RC_INTERNAL, "", std::string(kErrBytes + 1, 'e')})).has_value());
  // A count that promises more than there can be.
  Welcome many = someWelcome();
  many.facts.interfaces.assign(300, {"i", {}});
  CHECK_FALSE(decodeWelcome(encode(many)).has_value());
}

TEST_CASE("headers say what follows them, and nothing else") {
  Header header{3, Kind::host_call, false, 42, 7};
  char bytes[kHeaderBytes];
  encodeHeader(header, bytes);
  std::string packet(bytes, kHeaderBytes);
  packet += "abc";
  const auto back = decodeHeader(packet);
  REQUIRE(back.has_value());
  CHECK((back->kind == Kind::host_call));
  CHECK(back->call == 42);
  CHECK(back->sequence == 7);
  CHECK_FALSE(decodeHeader(packet + "d").has_value());
  CHECK_FALSE(decodeHeader(packet.substr(0, packet.size() - 1)).has_value());
  CHECK_FALSE(decodeHeader(packet.substr(0, kHeaderBytes - 1)).has_value());
  for (const auto& [at, value] : {std::pair<std::size_t, char>{4, 0}, {4, 9}, {5, 2}, {6, 1}, {7, 1}}) {
    std::string wrong = packet;
    wrong[at] = value;
    CHECK_FALSE(decodeHeader(wrong).has_value());
  }
  header.in_memfd = true;
  encodeHeader(header, bytes);
  CHECK(decodeHeader(std::string_view(bytes, kHeaderBytes)).has_value());
  CHECK_FALSE(decodeHeader(std::string(bytes, kHeaderBytes) + "abc").has_value());
  header.body_bytes = kMaxBodyBytes + 1;
  encodeHeader(header, bytes);
  CHECK_FALSE(decodeHeader(std::string_view(bytes, kHeaderBytes)).has_value());
}

// CCP_WIRE_CORPUS=tests/fuzz/corpus/wire writes the seeds of the fuzzer anew.
TEST_CASE("seeds of the fuzzer" * doctest::skip(std::getenv("CCP_WIRE_CORPUS") == nullptr)) {
  const std::string folder = std::getenv("CCP_WIRE_CORPUS");
  const std::string bodies[] = {encode(someWelcome().facts),  encode(someHello()), encode(someWelcome()), encode(someCall()), encode(CallResult{0, "out", "err"}),
                                encode(HostCall{Method::http_send, {1, 2}, {"head", "body", ""}}), encode(HostResult{0, 7, {"a", "b", "c"}})};
  const char* names[] = {"facts", "hello", "welcome", "call", "result", "host_call", "host_result"};
  for (std::size_t i = 0; i < std::size(bodies); ++i) std::ofstream(folder + "/" + names[i]) << static_cast<char>(i) << bodies[i];
  char header[kHeaderBytes];
  encodeHeader({3, Kind::notice, false, 5, 0}, header);
  std::ofstream(folder + "/header") << std::string(header, kHeaderBytes) << "abc";
}

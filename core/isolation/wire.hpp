// The frames between ccpd and ccp-plugin-host, as bytes and back. Pure; every length is checked, for the
// other side may be a plugin that has taken over its process. Fuzzed: tests/fuzz/wire_fuzz.cpp.
// One frame is one packet of the socket: a Header, then its body. Both sides run on one machine and come
// from one build or its neighbours: numbers are little-endian, the hello negotiates the version.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ccp/abi/plugin.h"
#include "core/base/error.hpp"

namespace ccp::isolation {

inline constexpr std::uint32_t kCookie = 0x48504343;  ///< "CCPH" in memory
inline constexpr std::uint32_t kVersionMin = 1;
inline constexpr std::uint32_t kVersionMax = 1;

/// Larger bodies travel in a sealed memfd beside the packet.
inline constexpr std::size_t kInlineBytes = 64 * 1024;
/// No body is larger: an input, an output at the largest cap of a manifest, or what a host service returns.
inline constexpr std::size_t kMaxBodyBytes = std::size_t{80} << 20;
/// What one host call may return, and ccp_call.err.
inline constexpr std::size_t kHostOutBytes = std::size_t{16} << 20;
inline constexpr std::size_t kErrBytes = 16 * 1024;

enum class Kind : std::uint8_t {
  hello = 1,        ///< parent: who you are
  welcome = 2,      ///< child: loaded, or why not
  call = 3,         ///< parent
  result = 4,       ///< child: the end of a call
  host_call = 5,    ///< child: a service of the host, inside of a call
  host_result = 6,  ///< parent
  notice = 7,       ///< child: a host call that nobody waits for (log lines, measurements)
  cancel = 8,       ///< parent: nobody needs the result any more
};

struct Header {
  std::uint32_t body_bytes = 0;
  Kind kind{};
  bool in_memfd = false;   ///< the body is in the descriptor that came with the packet
  std::uint64_t call = 0;  ///< the call it belongs to; 0: none (hello, welcome, notices outside of a call)
  std::uint64_t sequence = 0;  ///< of a host_call within its call; its host_result repeats it
};
inline constexpr std::size_t kHeaderBytes = 24;

void encodeHeader(const Header& header, char* out) noexcept;  ///< kHeaderBytes
/// `bad_encoding` for an unknown kind, unknown flags, or a body larger than kMaxBodyBytes.
Result<Header> decodeHeader(std::string_view packet);

/// What ccp_plugin and its tables say, for whoever cannot look at them in its own memory.
struct Facts {
  std::string id, version, note;
  std::uint32_t abi_major = 0, abi_minor = 0;
  /// Interface id and the operations that are there, of the interfaces that were asked for.
  std::vector<std::pair<std::string, std::vector<std::string>>> interfaces;
};

struct Hello {
  std::uint32_t version_min = kVersionMin, version_max = kVersionMax;
  std::string instance;
  std::string host_name, host_version, mode;
  std::uint32_t host_bytes = sizeof(ccp_host);  ///< how much of ccp_host the host knows
  std::uint32_t abi_major = CCP_ABI_MAJOR, abi_minor = CCP_ABI_MINOR;
  std::vector<std::pair<std::string, std::uint32_t>> services;  ///< id and size of the table
  std::string plugin_id, plugin_version;                        ///< of the manifest
  std::vector<std::string> provides;
  std::uint32_t max_concurrency = 1;
  std::uint64_t output_bytes = 0;
  std::uint64_t memory_bytes = 0;  ///< address space; 0: no limit
};

struct Welcome {
  std::uint32_t version = 0;
  std::string refusal;  ///< empty: loaded
  Facts facts;
  std::string confinement;  ///< "landlock 7, seccomp": for the log
};

enum class CallKind : std::uint8_t { create, configure, start, health, drain, stop, destroy, operation, tick };

struct Call {
  CallKind kind = CallKind::operation;
  std::string_view interface_id, name;
  std::string_view request_id, tenant, idempotency_key;
  std::uint64_t deadline_mono_ns = 0;  ///< in the host's clock
  std::int64_t mono_offset_ns = 0;     ///< the host's clocks less the machine's
  std::int64_t wall_offset_us = 0;
  std::uint64_t out_bytes = 0;
  std::string_view input;
};

struct CallResult {
  ccp_rc rc = CCP_RC_INTERNAL;
  std::string_view out, err;
};

/// A function of a host service. Numbers are part of the protocol.
enum class Method : std::uint16_t {
  log_write = 1,         ///< ints: level; texts: event, fields
  metrics_define = 2,    ///< ints: kind; texts: name, help, labels -> value: handle
  metrics_record = 3,    ///< ints: handle, bits of the double; texts: labels
  http_send = 4,         ///< texts: head, body -> texts: head, body, err
  kv_get = 5,            ///< texts: key -> value: version; texts: value
  kv_put = 6,            ///< ints: expected, ttl; texts: key, value -> value: version
  kv_remove = 7,         ///< ints: expected; texts: key
  secrets_get = 8,       ///< texts: id -> texts: value
  crypto_hmac = 9,       ///< ints: encoding; texts: id, prefix, message -> texts: mac
  crypto_ed25519 = 10,   ///< ints: encoding; texts: id, prefix, message -> texts: signature
  crypto_rs256 = 11,     ///< texts: id, message -> texts: signature
  events_append = 12,    ///< texts: event
  scheduler_every = 13,  ///< ints: interval; texts: name
};

/// Every host call has the same form, so that one encoder, one decoder and one fuzzer serve all.
struct HostCall {
  Method method{};
  std::array<std::int64_t, 2> ints{};
  std::array<std::string_view, 3> texts{};
};

struct HostResult {
  ccp_rc rc = CCP_RC_INTERNAL;
  std::int64_t value = 0;
  std::array<std::string_view, 3> texts{};
};

// encode() gives the body of the frame; decode…() gives `bad_encoding` for anything that encode() does not
// write. Views in a decoded value point into `body`.
std::string encode(const Facts& facts);
std::string encode(const Hello& hello);
std::string encode(const Welcome& welcome);
std::string encode(const Call& call);
std::string encode(const CallResult& result);
std::string encode(const HostCall& call);
std::string encode(const HostResult& result);
Result<Facts> decodeFacts(std::string_view body);
Result<Hello> decodeHello(std::string_view body);
Result<Welcome> decodeWelcome(std::string_view body);
Result<Call> decodeCall(std::string_view body);
Result<CallResult> decodeCallResult(std::string_view body);
Result<HostCall> decodeHostCall(std::string_view body);
Result<HostResult> decodeHostResult(std::string_view body);

}  // namespace ccp::isolation

#include "core/isolation/wire.hpp"

#include <concepts>
#include <cstring>

namespace ccp::isolation {
namespace {

constexpr std::size_t kMaxNames = 256;  ///< services, interfaces, operations

tl::unexpected<Error> bad(const char* what) { return fail(Errc::bad_encoding, std::string("a frame of the plugin protocol is wrong: ") + what); }

class Writer {
 public:
  explicit Writer(std::size_t hint) { out_.reserve(hint); }
  template <std::integral T>
  Writer& put(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out_.append(bytes, sizeof bytes);
    return *this;
  }
  Writer& text(std::string_view value) {
    put(static_cast<std::uint32_t>(value.size()));
    out_.append(value);
    return *this;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// Reads past the end give zeros and make ok() false for ever.
class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}
  template <std::integral T>
  T get() {
    T value{};
    if (in_.size() < sizeof value) {
      ok_ = false;
      return value;
    }
    std::memcpy(&value, in_.data(), sizeof value);
    in_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view text() {
    const auto size = get<std::uint32_t>();
    if (!ok_ || size > in_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view out = in_.substr(0, size);
    in_.remove_prefix(size);
    return out;
  }
  /// How many items follow; each takes at least `item_bytes`, so a count cannot promise more than is there.
  std::size_t count(std::size_t item_bytes) {
    const auto n = get<std::uint32_t>();
    if (n > kMaxNames || n * item_bytes > in_.size()) ok_ = false;
    return ok_ ? n : 0;
  }
  void refuse() { ok_ = false; }
  bool ok() const { return ok_; }
  bool finished() const { return ok_ && in_.empty(); }

 private:
  std::string_view in_;
  bool ok_ = true;
};

void write(Writer& w, const Facts& facts) {
  w.text(facts.id).text(facts.version).text(facts.note).put(facts.abi_major).put(facts.abi_minor);
  w.put(static_cast<std::uint32_t>(facts.interfaces.size()));
  for (const auto& [id, operations] : facts.interfaces) {
    w.text(id).put(static_cast<std::uint32_t>(operations.size()));
    for (const auto& name : operations) w.text(name);
  }
}

Facts readFacts(Reader& r) {
  Facts facts;
  facts.id = r.text();
  facts.version = r.text();
  facts.note = r.text();
  facts.abi_major = r.get<std::uint32_t>();
  facts.abi_minor = r.get<std::uint32_t>();
  const std::size_t interfaces = r.count(8);
  for (std::size_t i = 0; i < interfaces; ++i) {
    std::string id(r.text());
    std::vector<std::string> names(r.count(4));
    for (auto& name : names) name = r.text();
    facts.interfaces.emplace_back(std::move(id), std::move(names));
  }
  return facts;
}

template <class T>
Result<T> whole(const Reader& r, T value, const char* what) {
  if (!r.finished()) return bad(what);
  return value;
}

}  // namespace

void encodeHeader(const Header& header, char* out) noexcept {
  const auto kind = static_cast<std::uint8_t>(header.kind);
  const std::uint8_t flags = header.in_memfd ? 1 : 0;
  const std::uint16_t zero = 0;
  std::memcpy(out, &header.body_bytes, 4);
  std::memcpy(out + 4, &kind, 1);
  std::memcpy(out + 5, &flags, 1);
  std::memcpy(out + 6, &zero, 2);
  std::memcpy(out + 8, &header.call, 8);
  std::memcpy(out + 16, &header.sequence, 8);
}

Result<Header> decodeHeader(std::string_view packet) {
  if (packet.size() < kHeaderBytes) return bad("it is shorter than a header");
  Reader r(packet.substr(0, kHeaderBytes));
  Header header;
  header.body_bytes = r.get<std::uint32_t>();
  const auto kind = r.get<std::uint8_t>();
  const auto flags = r.get<std::uint8_t>();
  const auto zero = r.get<std::uint16_t>();
  header.call = r.get<std::uint64_t>();
  header.sequence = r.get<std::uint64_t>();
  if (kind < static_cast<std::uint8_t>(Kind::hello) || kind > static_cast<std::uint8_t>(Kind::cancel)) return bad("its kind is not known");
  if (flags > 1 || zero != 0) return bad("its flags are not known");
  header.kind = static_cast<Kind>(kind);
  header.in_memfd = flags == 1;
  if (header.body_bytes > kMaxBodyBytes) return bad("its body is too large");
  if (packet.size() - kHeaderBytes != (header.in_memfd ? 0 : header.body_bytes)) return bad("its length is not what it says");
  return header;
}

std::string encode(const Facts& facts) {
  Writer w(512);
  write(w, facts);
  return w.take();
}

Result<Facts> decodeFacts(std::string_view body) {
  Reader r(body);
  Facts facts = readFacts(r);
  return whole(r, std::move(facts), "facts");
}

std::string encode(const Hello& hello) {
  Writer w(512);
  w.put(kCookie).put(hello.version_min).put(hello.version_max);
  w.text(hello.instance).text(hello.host_name).text(hello.host_version).text(hello.mode);
  w.put(hello.host_bytes).put(hello.abi_major).put(hello.abi_minor);
  w.put(static_cast<std::uint32_t>(hello.services.size()));
  for (const auto& [id, bytes] : hello.services) w.text(id).put(bytes);
  w.text(hello.plugin_id).text(hello.plugin_version);
  w.put(static_cast<std::uint32_t>(hello.provides.size()));
  for (const auto& id : hello.provides) w.text(id);
  return w.put(hello.max_concurrency).put(hello.output_bytes).put(hello.memory_bytes).take();
}

Result<Hello> decodeHello(std::string_view body) {
  Reader r(body);
  if (r.get<std::uint32_t>() != kCookie) return bad("hello without the cookie");
  Hello hello;
  hello.version_min = r.get<std::uint32_t>();
  hello.version_max = r.get<std::uint32_t>();
  hello.instance = r.text();
  hello.host_name = r.text();
  hello.host_version = r.text();
  hello.mode = r.text();
  hello.host_bytes = r.get<std::uint32_t>();
  hello.abi_major = r.get<std::uint32_t>();
  hello.abi_minor = r.get<std::uint32_t>();
  const std::size_t services = r.count(8);
  for (std::size_t i = 0; i < services; ++i) {
    std::string id(r.text());
    const auto bytes = r.get<std::uint32_t>();
    hello.services.emplace_back(std::move(id), bytes);
  }
  hello.plugin_id = r.text();
  hello.plugin_version = r.text();
  hello.provides.resize(r.count(4));
  for (auto& id : hello.provides) id = r.text();
  hello.max_concurrency = r.get<std::uint32_t>();
  hello.output_bytes = r.get<std::uint64_t>();
  hello.memory_bytes = r.get<std::uint64_t>();
  return whole(r, std::move(hello), "hello");
}

std::string encode(const Welcome& welcome) {
  Writer w(512);
  w.put(kCookie).put(welcome.version).text(welcome.refusal).text(welcome.confinement);
  write(w, welcome.facts);
  return w.take();
}

Result<Welcome> decodeWelcome(std::string_view body) {
  Reader r(body);
  if (r.get<std::uint32_t>() != kCookie) return bad("welcome without the cookie");
  Welcome welcome;
  welcome.version = r.get<std::uint32_t>();
  welcome.refusal = r.text();
  welcome.confinement = r.text();
  welcome.facts = readFacts(r);
  return whole(r, std::move(welcome), "welcome");
}

std::string encode(const Call& call) {
  Writer w(96 + call.interface_id.size() + call.name.size() + call.request_id.size() + call.tenant.size() + call.idempotency_key.size() + call.input.size());
  w.put(static_cast<std::uint8_t>(call.kind)).put(call.deadline_mono_ns).put(call.mono_offset_ns).put(call.wall_offset_us).put(call.out_bytes);
  w.text(call.interface_id).text(call.name).text(call.request_id).text(call.tenant).text(call.idempotency_key).text(call.input);
  return w.take();
}

Result<Call> decodeCall(std::string_view body) {
  Reader r(body);
  Call call;
  const auto kind = r.get<std::uint8_t>();
  if (kind > static_cast<std::uint8_t>(CallKind::tick)) return bad("call of an unknown function");
  call.kind = static_cast<CallKind>(kind);
  call.deadline_mono_ns = r.get<std::uint64_t>();
  call.mono_offset_ns = r.get<std::int64_t>();
  call.wall_offset_us = r.get<std::int64_t>();
  call.out_bytes = r.get<std::uint64_t>();
  call.interface_id = r.text();
  call.name = r.text();
  call.request_id = r.text();
  call.tenant = r.text();
  call.idempotency_key = r.text();
  call.input = r.text();
  return whole(r, call, "call");
}

std::string encode(const CallResult& result) {
  Writer w(16 + result.out.size() + result.err.size());
  return w.put(result.rc).text(result.out).text(result.err).take();
}

Result<CallResult> decodeCallResult(std::string_view body) {
  Reader r(body);
  CallResult result;
  result.rc = r.get<ccp_rc>();
  result.out = r.text();
  result.err = r.text();
  if (result.err.size() > kErrBytes) return bad("problem text too long");
  return whole(r, result, "result");
}

std::string encode(const HostCall& call) {
  Writer w(40 + call.texts[0].size() + call.texts[1].size() + call.texts[2].size());
  w.put(static_cast<std::uint16_t>(call.method));
  for (const auto value : call.ints) w.put(value);
  for (const auto& value : call.texts) w.text(value);
  return w.take();
}

Result<HostCall> decodeHostCall(std::string_view body) {
  Reader r(body);
  HostCall call;
  const auto method = r.get<std::uint16_t>();
  if (method < static_cast<std::uint16_t>(Method::log_write) || method > static_cast<std::uint16_t>(Method::scheduler_every)) {
    return bad("host call of an unknown function");
  }
  call.method = static_cast<Method>(method);
  for (auto& value : call.ints) value = r.get<std::int64_t>();
  for (auto& value : call.texts) value = r.text();
  return whole(r, call, "host call");
}

std::string encode(const HostResult& result) {
  Writer w(40 + result.texts[0].size() + result.texts[1].size() + result.texts[2].size());
  w.put(result.rc).put(result.value);
  for (const auto& value : result.texts) w.text(value);
  return w.take();
}

Result<HostResult> decodeHostResult(std::string_view body) {
  Reader r(body);
  HostResult result;
  result.rc = r.get<ccp_rc>();
  result.value = r.get<std::int64_t>();
  for (auto& value : result.texts) value = r.text();
  return whole(r, result, "host result");
}

}  // namespace ccp::isolation

#include "sdk/conformance/probe_call.hpp"

#include <algorithm>
#include <cstddef>

namespace ccp::kit {

ProbeCall::ProbeCall(const CallOptions& options) : options_(options) {
  static const SystemClock clock;
  out_.most = options.out_bytes;
  err_.most = options.err_bytes;
  out_.raw = {sizeof(ccp_sink), 0, &out_, &ProbeCall::write};
  err_.raw = {sizeof(ccp_sink), 0, &err_, &ProbeCall::write};
  std::uint64_t deadline = 0;
  if (options.deadline_ms != 0) deadline = static_cast<std::uint64_t>(static_cast<std::int64_t>(clock.monotonicNs()) + options.deadline_ms * 1000000);
  hook_.self = this;
  hook_.call = {sizeof(ccp_call), 0,         deadline,  strOf("req_conformance"),   strOf("org_conformance"),
                strOf("idem_conformance"), &out_.raw, &err_.raw, &ProbeCall::isCancelled};
}

ccp_rc ProbeCall::write(const ccp_sink* raw, const void* data, std::size_t len) noexcept {
  auto& sink = *static_cast<Sink*>(raw->ctx);
  if (sink.refused) sink.wrote_on = true;
  if (sink.refused || len > sink.most - sink.text.size()) {
    sink.refused = true;
    return CCP_RC_RESOURCE_EXHAUSTED;
  }
  try {
    sink.text.append(static_cast<const char*>(data), len);
  } catch (...) {
    sink.refused = true;
    return CCP_RC_RESOURCE_EXHAUSTED;
  }
  return CCP_RC_OK;
}

std::int32_t ProbeCall::isCancelled(const ccp_call* call) noexcept {
  const auto* hook = reinterpret_cast<const Hook*>(reinterpret_cast<const char*>(call) - offsetof(Hook, call));
  ProbeCall& self = *hook->self;
  const int question = self.polls_.fetch_add(1);
  if (self.options_.cancelled && self.options_.cancelled->load()) return 1;
  return self.options_.cancel_after >= 0 && question >= self.options_.cancel_after ? 1 : 0;
}

Outcome ProbeCall::outcome() {
  Outcome out;
  out.out = std::move(out_.text);
  out.err = std::move(err_.text);
  out.wrote_on = out_.wrote_on || err_.wrote_on;
  out.polls = polls_.load();
  return out;
}

}  // namespace ccp::kit

// One ccp_call with sinks that fail where the test wants, and a memory of what the plugin did with them.
// Used by one call at a time; the sinks may be written from that call's thread only.
#pragma once

#include <string>

#include "sdk/conformance/driver.hpp"

namespace ccp::kit {

class ProbeCall {
 public:
  explicit ProbeCall(const CallOptions& options);
  ProbeCall(const ProbeCall&) = delete;
  ProbeCall& operator=(const ProbeCall&) = delete;
  const ccp_call* raw() const noexcept { return &hook_.call; }
  /// What came of it; the caller adds class and time.
  Outcome outcome();

 private:
  struct Sink {
    ccp_sink raw{};
    std::string text;
    std::size_t most = 0;
    bool refused = false;
    bool wrote_on = false;
  };
  struct Hook {
    ProbeCall* self = nullptr;
    ccp_call call{};
  };
  static ccp_rc write(const ccp_sink* sink, const void* data, std::size_t len) noexcept;
  static std::int32_t isCancelled(const ccp_call* call) noexcept;

  CallOptions options_;
  Sink out_, err_;
  std::atomic<int> polls_{0};
  Hook hook_;
};

}  // namespace ccp::kit

// The host that a plugin meets in the kit: every service in memory, each of them as good or as bad as the
// test wants it. It remembers what the plugin did and what it did against the contract.
// Serves any thread; knobs are set while no call runs. Outlives the instances made with it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ccp/abi/host.h"
#include "core/base/json.hpp"
#include "core/base/random.hpp"
#include "sdk/conformance/host/guarded_table.hpp"
#include "sdk/conformance/host/history.hpp"
#include "sdk/conformance/subject.hpp"

namespace ccp::kit {

inline std::string_view viewOf(ccp_str s) noexcept { return s.ptr ? std::string_view(s.ptr, s.len) : std::string_view(); }
inline ccp_str strOf(std::string_view s) noexcept { return {s.data(), s.size()}; }
/// "UNAVAILABLE", or the number of a class that does not exist.
std::string rcName(ccp_rc rc);

struct HttpAsk {
  std::string method, url, body;
  Json head;  ///< all of head_json
};
struct HttpAnswer {
  ccp_rc rc = CCP_RC_OK;
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  static HttpAnswer refused(ccp_rc rc) { return {rc, 0, {}, {}}; }
};
struct LogLine {
  std::int32_t level = 0;
  std::string event, fields;
};
struct Tick {
  std::string name;
  std::int64_t interval_ms = 0;
  ccp_op op = nullptr;
};

class KitHost {
 public:
  /// Grants what the subject's manifest asks for; `config` adds the origins that it names to the egress.
  explicit KitHost(const Subject& subject, const Json& config = Json());
  ~KitHost();
  KitHost(const KitHost&) = delete;
  KitHost& operator=(const KitHost&) = delete;

  // Knobs.
  std::function<HttpAnswer(const HttpAsk&)> on_http;  ///< unset: UNAVAILABLE
  std::set<std::string> missing;                      ///< services that are not there
  std::atomic<std::int64_t> wall_offset_us{0};
  std::atomic<std::int64_t> fixed_wall_us{0};  ///< not 0: the clock stands there
  /// Shows the tables as a release had them, at the end of readable memory. Before raw() is used.
  void pretendRelease(const HostRelease& release);

  const ccp_host* raw() const noexcept { return shown_; }
  /// Marks the calling thread as inside of a call of the plugin; [callback] services ask for it.
  class InCall {
   public:
    InCall();
    ~InCall();
    InCall(const InCall&) = delete;
    InCall& operator=(const InCall&) = delete;
  };

  // What happened.
  std::vector<HttpAsk> asked() const;
  std::vector<LogLine> logs() const;
  std::vector<std::string> events() const;
  std::vector<Tick> ticks() const;
  /// Breaches of the contract, each once: "ccp.kv/1 was called outside of a call".
  std::vector<std::string> misuses() const;
  /// Calls of services other than log, clock, random and digests: what a pure operation must not do.
  int effects() const noexcept { return effects_.load(); }
  void forget();

  /// Every value of a secret that the plugin could have seen or used.
  std::vector<std::string> secretValues() const;
  /// Whether `text` holds a secret, as it is, decoded, in hex or in base64.
  bool holdsSecret(std::string_view text) const;

 private:
  struct Services;
  struct KvEntry {
    std::string value;
    std::int64_t version = 0;
  };
  static const void* find(const ccp_host* host, const char* id) noexcept;
  void fill();
  bool inCall(const char* service);
  bool mayCall(const char* service);  ///< the same, and counts an effect
  void misuse(const std::string& text);
  Result<std::string> secret(std::string_view id);
  Result<std::string> keyOf(std::string_view id, std::int32_t encoding, std::string_view prefix);
  ccp_rc sendHttp(const ccp_call* call, std::string_view head, std::string_view body, const ccp_sink* head_out, const ccp_sink* body_out,
                  const ccp_sink* err);
  HttpAnswer answerHttp(const ccp_call* call, std::string_view head, std::string_view body, std::string& problem);
  ccp_rc putKv(std::string_view key, std::string_view value, std::int64_t expected, std::int64_t* version);
  ccp_rc defineMetric(std::string_view name, std::string_view labels, std::uint32_t* handle);
  ccp_rc appendEvent(std::string_view text);
  std::int64_t wallUs() const;

  const Subject& subject_;
  std::set<std::string> origins_;
  std::unique_ptr<Services> services_;
  std::map<std::string, std::unique_ptr<GuardedTable>, std::less<>> guarded_;
  ccp_host host_{};
  std::unique_ptr<GuardedTable> guarded_host_;
  const ccp_host* shown_ = nullptr;
  SystemRandom random_;
  SystemClock clock_;
  std::atomic<int> effects_{0};
  mutable std::mutex mutex_;
  std::map<std::string, std::string> secrets_used_;
  std::map<std::string, KvEntry> kv_;
  std::vector<HttpAsk> asked_;
  std::vector<LogLine> logs_;
  std::vector<std::string> events_;
  std::vector<Tick> ticks_;
  std::vector<std::string> metrics_;
  std::set<std::string> misuses_;
};

}  // namespace ccp::kit

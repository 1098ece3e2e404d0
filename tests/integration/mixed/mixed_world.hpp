// A node as ccpd wires it, with a listener over TLS and one in clear text, that drains and comes
// back while clients go on; and the books of what clients were told, against which they check each
// answer.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/app/wiring.hpp"
#include "core/base/file.hpp"
#include "core/base/log.hpp"
#include "core/http/bell.hpp"
#include "tests/integration/mixed/talker.hpp"
#include "tests/support/temp_dir.hpp"

namespace ccp::test {

/// News that long polls wait for; theirs is a bell of the test, which outlives every node.
struct News {
  std::shared_ptr<http::Bell> bell = std::make_shared<http::Bell>();
  std::atomic<int> edition{0};

  void publish() {
    ++edition;
    bell->ring();
  }
  Result<http::Response> after(int seen, Deadline until) {
    const auto rung = bell->rung();
    if (const int now = edition; now > seen) return http::Response::text(std::to_string(now));
    auto again = [this, seen, until](const http::Request&) { return after(seen, until); };
    return std::move(http::Response::text("none").park({bell, rung, until, std::move(again)}));
  }
};

class Node {
 public:
  Node() {
    ::setenv("CCP_SECRET_SANDBOX_KEY", "k", 1);
    ::setenv("CCP_SECRET_SANDBOX_HOOK", "whsec_aG9vaw==", 1);
    putCertificate();
    putSettings(0);
  }
  ~Node() {
    if (graph_) static_cast<void>(stop());
    ::unsetenv("CCP_SECRET_SANDBOX_KEY");
    ::unsetenv("CCP_SECRET_SANDBOX_HOOK");
  }

  void start() {
    const std::unique_lock lock(mutex_);
    begin();
  }
  /// Drains, stops, and takes everything apart. False: a handler hung.
  bool stop() {
    ++epoch_;
    const std::unique_lock lock(mutex_);
    return end();
  }
  /// Both, so that nobody who waits for its insides finds none.
  bool restart() {
    ++epoch_;
    const std::unique_lock lock(mutex_);
    if (!end()) return false;
    begin();
    return true;
  }

  /// Odd while it serves; what began and ended in the same odd epoch saw no drain.
  unsigned epoch() const noexcept { return epoch_; }
  enum class Which { tls, plain, admin };
  Door door(Which which) const {
    const std::lock_guard lock(doors_mutex_);
    return which == Which::tls ? tls_ : which == Which::plain ? plain_ : admin_;
  }
  /// With its insides, which stay for as long as `work` runs. Waits for it to come back.
  template <class Work>
  auto inside(Work work) {
    const std::shared_lock lock(mutex_);
    return work(*graph_);
  }

  std::string key(const std::string& name) const {
    auto text = readFile(dir_.path() + "/state/" + name);
    REQUIRE(text);
    text->pop_back();
    return *text;
  }
  /// Changes what a reload applies: a billing instance is swapped by every second number.
  void putSettings(int number) const {
    const std::string url = "http://127.0.0.1:" + std::to_string(1 + number / 2 % 2);
    const std::string dir = dir_.path();
    const auto written = writeFileAtomic(
        dir + "/ccp.yaml",
        "mode: dev\nstate_dir: " + dir + "/state\nproduct: {id: acme-cli, name: Acme CLI}\n" +
            "server: {public_url: \"https://localhost\", listen: \"127.0.0.1:0\", admin_listen: "
            "\"127.0.0.1:0\", loops: 2, threads: 16, " +
            "token_cache: 64, verifications_per_second_per_address: 0, drain_timeout: 2s, tls: "
            "{cert_file: " +
            dir + "/tls.crt, key_file: " + dir +
            "/tls.key}}\nbilling: {default: pay, calls_per_minute: " +
            std::to_string(100 + number % 2) + "}\n" +
            "plugins: [{name: pay, plugin: ccp.billing-sandbox, egress: [\"" + url +
            "\"], egress_private: true, config: {base_url: \"" + url +
            "\", api_key: {$secret: sandbox/key}, webhook_secret: {$secret: sandbox/hook}}}]\n");
    if (!written) throw std::runtime_error(written.error().text());
  }
  /// A new certificate, in two files: who reads between them finds a key that does not fit.
  void putCertificate() {
    const Issued issued = ca_.issue();
    if (!writeFileAtomic(dir_.path() + "/tls.crt", issued.certificate) ||
        !writeFileAtomic(dir_.path() + "/tls.key", issued.key, 0600))
      throw std::runtime_error("cannot write the certificate");
  }
  double tokens(const std::string& result) { return tokens_[result]; }

  News news;
  std::chrono::steady_clock::duration longest_stop{};

 private:
  void begin() {
    auto settings = config::loadSettings(dir_.path() + "/ccp.yaml", app::environment());
    REQUIRE_MESSAGE(settings, (settings ? "" : settings.error().text()));
    graph_.emplace(std::move(*settings));
    steps_.emplace();
    graph_->router.get("/test/news", {}, [this](const http::Request& r) {
      return news.after(std::stoi(r.query.getOr("after", "0")),
                        Deadline::after(graph_->clock, seconds(2)));
    });
    app::planStart(*steps_, *graph_);
    const auto started = steps_->start();
    REQUIRE_MESSAGE(started, (started ? "" : started.error().text()));
    http::ServerOptions options;
    options.name = "clear";
    options.listen = "127.0.0.1:0";
    options.loops = 2;
    options.threads = 8;
    clear_ = std::make_unique<http::HttpServer>(options, graph_->metrics);
    const auto address = clear_->bind();
    REQUIRE(address);
    REQUIRE(clear_->start(*graph_->pipeline));
    {
      const std::lock_guard doors(doors_mutex_);
      tls_ = {graph_->public_address, ca_.certificate()};
      plain_ = {*address, {}};
      admin_ = {graph_->admin_address, {}};
    }
    ++epoch_;
  }
  bool end() {
    for (const char* result : {"hits", "misses"})
      tokens_[result] +=
          graph_->metrics
              .counter("ccp_cache_" + std::string(result) + "_total", "", {{"cache", "tokens"}})
              .value();
    const auto begun = std::chrono::steady_clock::now();
    clear_->beginDrain();
    const bool clean = clear_->stop(graph_->settings.server.drain_timeout);
    steps_->stop();
    longest_stop = std::max<std::chrono::steady_clock::duration>(
        longest_stop, std::chrono::steady_clock::now() - begun);
    const bool all = clean && graph_->clean_stop;
    if (!all) return false;
    clear_.reset();
    steps_.reset();
    graph_.reset();
    return true;
  }

  TempDir dir_;
  TestCa ca_;
  std::shared_mutex mutex_;  ///< shared: somebody uses its insides; unique: it comes or goes
  std::optional<app::Graph> graph_;
  std::optional<app::Steps> steps_;
  std::unique_ptr<http::HttpServer> clear_;
  mutable std::mutex doors_mutex_;
  Door tls_, plain_, admin_;
  std::atomic<unsigned> epoch_{0};
  std::map<std::string, double> tokens_;
};

/// What went wrong, and how often what was meant to happen did.
class Books {
 public:
  void fault(const std::string& what) {
    const std::lock_guard lock(mutex_);
    if (faults_.size() < 20) faults_.push_back(what);
  }
  void count(const std::string& what) {
    const std::lock_guard lock(mutex_);
    ++counts_[what];
  }
  std::vector<std::string> faults() const {
    const std::lock_guard lock(mutex_);
    return faults_;
  }
  std::map<std::string, int> counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }
  std::atomic<bool> over{false};

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> faults_;
  std::map<std::string, int> counts_;
};

struct Token {
  enum State { live, ending, ended };  ///< ending: somebody asked for it, and has no answer yet
  std::string text, org, sid;
  std::atomic<int> state{live};
};

/// Tokens of which clients know how they must be answered.
class Tokens {
 public:
  void add(std::shared_ptr<Token> token) {
    const std::lock_guard lock(mutex_);
    live_.push_back(std::move(token));
  }
  /// Out of those that are good: all of `org`, or one of them.
  std::vector<std::shared_ptr<Token>> takeForEnd(const std::string& org, bool all) {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Token>> out;
    std::erase_if(live_, [&](const auto& token) {
      if (token->org != org || (!all && !out.empty())) return false;
      token->state = Token::ending;
      out.push_back(token);
      return true;
    });
    return out;
  }
  void end(const std::vector<std::shared_ptr<Token>>& tokens) {
    const std::lock_guard lock(mutex_);
    for (const auto& token : tokens) {
      token->state = Token::ended;
      ended_.push_back(token);
    }
    if (ended_.size() > kRemembered) ended_.erase(ended_.begin(), ended_.end() - kRemembered);
  }
  template <class Rng>
  std::shared_ptr<Token> any(Rng& rng) const {
    const std::lock_guard lock(mutex_);
    const auto& from = ended_.empty() || rng() % 3 != 0 ? live_ : ended_;
    return from.empty() ? nullptr : from[rng() % from.size()];
  }

 private:
  static constexpr std::ptrdiff_t kRemembered = 100;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Token>> live_, ended_;
};

inline std::string request(const std::string& method, const std::string& path,
                           const std::string& key, const std::string& type = {},
                           const std::string& body = {}, const std::string& more = {}) {
  std::string out = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more;
  if (!key.empty()) out += "Authorization: Bearer " + key + "\r\n";
  if (method == "POST")
    out += "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  return out + "\r\n" + body;
}
inline std::string post(const std::string& path, const std::string& key, const std::string& json,
                        const std::string& more = {}) {
  return request("POST", path, key, "application/json", json, more);
}

/// One client, whose requests must each be answered, unless a drain came between.
class Client {
 public:
  Client(Node& node, Books& books, Node::Which which) : node_(node), books_(books), which_(which) {}

  Answer ask(const std::string& what, const std::string& bytes) {
    return converse(what, [&](Talker& talker) { return talker.ask(bytes); });
  }
  template <class Conversation>
  Answer converse(const std::string& what, const Conversation& conversation) {
    if (!talker_ || epoch_ != node_.epoch() || asked_ >= 40) {
      epoch_ = node_.epoch();
      talker_.emplace(node_.door(which_));
      asked_ = 0;
    }
    ++asked_;
    const Answer answer = conversation(*talker_);
    const bool calm = epoch_ % 2 == 1 && epoch_ == node_.epoch();
    if (answer.end == Answer::End::torn || answer.end == Answer::End::late)
      books_.fault(what + (answer.end == Answer::End::torn ? ": half an answer"
                                                           : ": no answer in a minute"));
    if (answer.end == Answer::End::closed && calm)
      books_.fault(what + ": closed without an answer");
    if (answer.status >= 500 && answer.status != 503)
      books_.fault(what + ": " + std::to_string(answer.status) + " " + answer.body);
    if (answer.status == 503) books_.count(calm ? "503" : "503 in a drain");
    if (answer.end == Answer::End::closed) books_.count("closed by a drain");
    if (answer.end != Answer::End::whole || answer.last) talker_.reset();
    if (!calm) std::this_thread::sleep_for(milliseconds(10));
    return answer;
  }
  /// Until it is answered with 200, or the test is over (false). `again`: statuses that mean the
  /// same once an earlier try may have come through.
  bool insist(const std::string& what, const std::string& bytes,
              const std::vector<int>& again = {}) {
    for (bool before = false; !books_.over; before = true) {
      const Answer answer = ask(what, bytes);
      if (answer.status == 200) return true;
      if (before && std::find(again.begin(), again.end(), answer.status) != again.end())
        return true;
      if (answer.status != 0 && answer.status != 503)
        books_.fault(what + ": " + std::to_string(answer.status) + " " + answer.body);
    }
    return false;
  }

 private:
  Node& node_;
  Books& books_;
  const Node::Which which_;
  std::optional<Talker> talker_;
  unsigned epoch_ = 0;
  int asked_ = 0;
};

}  // namespace ccp::test

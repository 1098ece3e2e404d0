// Everything that the front, the token cache and the writer share, at the same time: clients that
// ask, write, wait, dawdle and leave, while tokens end, settings and certificates change, and the
// node drains and comes back. A few seconds; a minute with CCP_LONG_TESTS=1, which is what
// ThreadSanitizer looks at.
#include <algorithm>
#include <set>

#include "core/app/environment.hpp"
#include "core/base/encoding.hpp"
#include "core/crypto/ed25519.hpp"
#include "core/crypto/hmac.hpp"
#include "tests/integration/mixed/mixed_world.hpp"

using namespace ccp;
using namespace ccp::test;
using Which = Node::Which;

namespace {

using Rng = std::minstd_rand;

std::string form(const std::string& token) {
  return "token=" + token;
}

/// One organization whose devices are logged out one by one, and all at once when it is suspended.
class Revoker {
 public:
  Revoker(Node& node, Books& books, Tokens& tokens, int number)
      : node_(node),
        books_(books),
        tokens_(tokens),
        client_(node, books, number % 2 == 0 ? Which::tls : Which::plain) {
    operator_ = node.key("operator.key");
    const auto made = node.inside([&](app::Graph& g) {
      return g.db->write(db::Scope::system(), [&](db::Tx& tx) -> Status {
        auto& directory = g.identity->directory();
        const std::string owner = "owner" + std::to_string(number) + "@acme.example";
        CCP_TRY(grant_.org, directory.createOrg(tx, "Acme", owner, "operator"));
        grant_.user = *directory.userByEmail(tx, owner);
        grant_.role = "owner";
        grant_.scope = "license usage";
        grant_.client_id = "ccp-cli";
        grant_.device.org = grant_.org.id;
        grant_.device.user = grant_.user.id;
        grant_.device.seat = directory.seatOf(tx, grant_.org.id, grant_.user.id)->id;
        return {};
      });
    });
    REQUIRE_MESSAGE(made, (made ? "" : made.error().text()));
    mint(12);
  }

  void run() {
    for (int round = 1; !books_.over; ++round) {
      if (round % 8 == 0)
        suspend();
      else
        logOut();
    }
  }

 private:
  void mint(int wanted) {
    for (int i = 0; i < wanted; ++i) {
      auto token = std::make_shared<Token>();
      const auto issued = node_.inside([&](app::Graph& g) {
        auto& device = grant_.device;
        device.id = newId("dev", g.clock, *g.random);
        device.sid = newId("ses", g.clock, *g.random);
        device.jkt = newToken(*g.random);
        return g.db->write(db::Scope::system(), [&](db::Tx& tx) -> Status {
          tx.exec(
              "insert into devices (org_id, id, seat_id, user_id, sid, jkt, client_id, scope, "
              "hostname, state, created_at, last_seen_at) "
              "values (:org, :id, :seat, :user, :sid, :jkt, 'ccp-cli', 'license usage', 'laptop', "
              "'active', :now, :now2)",
              {{"org", device.org},
               {"id", device.id},
               {"seat", device.seat},
               {"user", device.user},
               {"sid", device.sid},
               {"jkt", device.jkt},
               {"now", tx.now()},
               {"now2", tx.now()}});
          CCP_TRY(auto access, g.licensing->tokenIssuer().issueAccessToken(tx, grant_));
          token->text = std::move(access.token);
          return {};
        });
      });
      if (!issued) return books_.fault("a token is not issued: " + issued.error().text());
      token->org = grant_.org.id;
      token->sid = grant_.device.sid;
      tokens_.add(std::move(token));
    }
  }
  void logOut() {
    const auto token = tokens_.takeForEnd(grant_.org.id, false);
    if (token.empty()) return mint(12);
    if (!client_.insist("log-out",
                        post("/v1/admin/devices/" + token.front()->sid + "/revoke", operator_,
                             R"({"reason":"lost"})"),
                        {404, 409}))
      return;
    tokens_.end(token);
    books_.count("log-outs");
    mint(1);
  }
  void suspend() {
    const std::string license = "/v1/admin/orgs/" + grant_.org.id + "/license/";
    const auto all = tokens_.takeForEnd(grant_.org.id, true);
    if (!client_.insist("suspension",
                        post(license + "suspend", operator_, R"({"reason":"a dispute"})")))
      return;
    tokens_.end(all);
    books_.count("suspensions");
    if (client_.insist("resumption", post(license + "resume", operator_, "{}"))) mint(12);
  }

  Node& node_;
  Books& books_;
  Tokens& tokens_;
  Client client_;
  std::string operator_;
  identity::TokenIssuer::Grant grant_;
};

/// Asks about tokens, known ones and others, and holds each answer against what it knew before and
/// after.
void introspect(Node& node, Books& books, const Tokens& tokens, Which which, unsigned seed) {
  Client client(node, books, which);
  Rng rng(seed);
  const std::string key = node.key("introspection.key");
  const auto ask = [&](const std::string& token) {
    return request("POST", "/oauth/introspect", key, "application/x-www-form-urlencoded",
                   form(token));
  };
  while (!books.over) {
    const auto token = tokens.any(rng);
    if (!token) continue;
    const bool garbled = rng() % 8 == 0;
    const int before = token->state;
    const Answer answer =
        client.ask("introspection", ask(garbled ? token->text.substr(0, token->text.size() - 6) +
                                                      std::to_string(100000 + rng() % 900000)
                                                : token->text));
    const int after = token->state;
    if (answer.status == 0 || answer.status == 503) continue;
    if (answer.status != 200) {
      books.fault("introspection: " + std::to_string(answer.status) + " " + answer.body);
      continue;
    }
    const bool active = answer.body != R"({"active":false})";
    books.count(active ? "active" : "inactive");
    if (active && garbled) books.fault("a token that nobody signed is active");
    if (active && before == Token::ended)
      books.fault("a token is active after its end was acknowledged");
    if (!active && !garbled && after == Token::live) books.fault("a good token is inactive");
  }
}

/// Who writes: sends each item until it is acknowledged, now and then without waiting for the first
/// answer.
class Writer {
 public:
  Writer(Node& node, Books& books, Which which, std::string named, unsigned seed)
      : name(std::move(named)),
        node_(node),
        books_(books),
        client_(node, books, which),
        which_(which),
        rng_(seed) {}
  virtual ~Writer() = default;
  void run() {
    for (int i = 0; !books_.over; ++i) {
      const std::string item = name + "-" + std::to_string(i);
      const std::string bytes = bytesOf(item);
      sent.insert(item);
      if (rng_() % 8 == 0) {
        Talker hasty(node_.door(which_));
        hasty.send(bytes);
        if (rng_() % 2 == 0) hasty.reset();
        books_.count("writes left alone");
      }
      if (!client_.insist(name, bytes)) return;
      acknowledged.insert(item);
      books_.count("writes");
    }
  }
  virtual std::string bytesOf(const std::string& item) = 0;
  virtual std::vector<std::string> stored(db::Tx& tx) = 0;

  const std::string name;
  std::set<std::string> sent, acknowledged;

 private:
  Node& node_;
  Books& books_;
  Client client_;
  const Which which_;
  Rng rng_;
};

/// Usage: each request a unit of work of its own, with a Bulk in it.
class UsageWriter final : public Writer {
 public:
  UsageWriter(Node& node, Books& books, Which which, const std::string& named, unsigned seed)
      : Writer(node, books, which, named, seed) {
    const auto made = node.inside([&](app::Graph& g) {
      hour_ = formatRfc3339(std::chrono::floor<std::chrono::hours>(g.clock.now()) - hours(2));
      key_ = "ccp_sk_" + newToken(*g.random);
      return g.db->write(db::Scope::system(), [&](db::Tx& tx) -> Status {
        CCP_TRY(const auto org,
                g.identity->directory().createOrg(tx, "Acme", name + "@acme.example", "operator"));
        licensing::SubscriptionFact paid;
        paid.id = "sub_" + name;
        paid.status = "active";
        paid.plan = "community";
        CCP_CHECK_OK(g.licensing->licenses().applyBilling(tx, org.id, {paid}, "billing:pay"));
        tx.exec(
            "insert into api_keys (org_id, id, hash, name, hint, scopes, created_by, created_at) "
            "values (:org, :id, :hash, 'k', 'xxxx', 'usage', 'test', :now)",
            {{"org", org.id}, {"id", "key_" + name}, {"hash", sha256Hex(key_)}, {"now", tx.now()}});
        return {};
      });
    });
    REQUIRE_MESSAGE(made, (made ? "" : made.error().text()));
  }
  std::string bytesOf(const std::string& item) override {
    return post(
        "/v1/ingest/rollups", key_,
        R"({"rollups":[{"period":"hour","start_at":")" + hour_ + R"(","model":")" + item +
            R"(","lane":"anthropic","requests":1,"errors":0,"input_tokens":7,"output_tokens":0,"cache_read_tokens":0,"cache_write_tokens":0,"revision":1}]})");
  }
  std::vector<std::string> stored(db::Tx& tx) override {
    std::vector<std::string> out;
    for (auto& [model] : tx.query<std::string>(
             "select model from usage_rollups where source_id = :source and input_tokens = 7",
             {{"source", "key_" + name}}))
      out.push_back(model);
    return out;
  }

 private:
  std::string key_, hour_;
};

/// Webhooks: those that come together are one unit of work (Batcher).
class HookWriter final : public Writer {
 public:
  using Writer::Writer;
  std::string bytesOf(const std::string& item) override {
    const std::string body =
        R"({"id":")" + item +
        R"(","type":"thing.happened","created_at":"2026-11-22T00:00:00Z","livemode":false,"data":{"object":{"id":"x"}}})";
    const std::string at = std::to_string(toMicros(SystemClock().now()) / 1'000'000);
    const auto mac = crypto::hmacSha256(bytesView("hook"), bytesView(item + "." + at + "." + body));
    return post("/webhooks/pay", {}, body,
                "webhook-id: " + item + "\r\nwebhook-timestamp: " + at +
                    "\r\nwebhook-signature: v1," + base64Encode(mac) + "\r\n");
  }
  std::vector<std::string> stored(db::Tx& tx) override {
    std::vector<std::string> out;
    for (auto& [id] :
         tx.query<std::string>("select event_id from webhook_inbox where event_id like :prefix",
                               {{"prefix", name + "-%"}}))
      out.push_back(id);
    return out;
  }

 private:
  static std::span<const std::uint8_t> bytesView(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  }
};

/// Long polls: answered by the bell, by time, or by a drain; some clients do not wait for it.
void waitForNews(Node& node, Books& books, Which which, unsigned seed) {
  Client client(node, books, which);
  Rng rng(seed);
  while (!books.over) {
    const int seen = node.news.edition;
    const std::string bytes = request("GET", "/test/news?after=" + std::to_string(seen), {});
    if (rng() % 4 == 0) {
      Talker impatient(node.door(which));
      impatient.send(bytes);
      if (rng() % 2 == 0) impatient.reset();
      books.count("long polls left");
    }
    const Answer answer = client.ask("long poll", bytes);
    if (answer.status != 200) continue;
    if (answer.body == "none") {
      books.count("long polls without news");
    } else if (std::stoi(answer.body) > seen) {
      books.count("long polls with news");
    } else {
      books.fault("a long poll was answered with what was known");
    }
  }
}

/// Begins and leaves, at any point.
void leave(Node& node, Books& books, const Tokens& tokens, unsigned seed) {
  Rng rng(seed);
  const std::string key = node.key("introspection.key");
  while (!books.over) {
    const auto token = tokens.any(rng);
    if (!token) continue;
    const std::string whole = request("POST", "/oauth/introspect", key,
                                      "application/x-www-form-urlencoded", form(token->text));
    Talker talker(node.door(rng() % 2 == 0 ? Which::tls : Which::plain));
    switch (rng() % 4) {
      case 0:
        talker.sendRaw(talker.halfHello());
        break;
      case 1:
        talker.send(whole.substr(0, rng() % whole.size()));
        break;
      case 2:
        talker.send(whole + whole + whole);
        break;
      default:
        talker.send(whole);
        talker.stopSending();
        talker.answer(milliseconds(2));
        break;
    }
    if (rng() % 2 == 0) talker.reset();
    books.count("left");
    std::this_thread::sleep_for(milliseconds(5));
  }
}

/// Sends in small pieces, and is answered all the same.
void dawdle(Node& node, Books& books, Which which) {
  Client client(node, books, which);
  const std::string bytes = request("GET", "/.well-known/jwks.json", {}, {}, {},
                                    "X-Filler: " + std::string(200, 'x') + "\r\n");
  while (!books.over) {
    const Answer answer = client.converse("slow request", [&](Talker& talker) {
      for (std::size_t at = 0;
           at < bytes.size() && talker.send(std::string_view(bytes).substr(at, 20)); at += 20)
        std::this_thread::sleep_for(milliseconds(3));
      return talker.answer();
    });
    if (answer.status == 200) books.count("slow requests");
  }
}

/// Threads that work until the test is over, however it ends.
class Crew {
 public:
  explicit Crew(Books& books) : books_(books) {}
  ~Crew() { callBack(); }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  void send(std::function<void()> work) {
    threads_.emplace_back([this, work = std::move(work)] {
      try {
        work();
      } catch (const std::exception& error) {
        books_.fault(std::string("a client threw: ") + error.what());
      }
    });
  }
  void callBack() {
    books_.over = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  Books& books_;
  std::vector<std::thread> threads_;
};

/// Settings, certificates and signing keys change, and somebody looks at metrics and doctor.
void change(Node& node, Books& books) {
  Client client(node, books, Which::tls);
  Client scraper(node, books, Which::admin);
  const std::string key = node.key("operator.key");
  std::string certificate;
  for (int round = 1; !books.over; ++round) {
    node.putSettings(round);
    if (client.insist("reload", post("/v1/admin/reload", key, "{}"))) books.count("reloads");
    const auto serving = node.inside([&node](app::Graph& g) {
      node.putCertificate();  // not while it starts: then both must fit
      g.certificates->ask();
      g.reloader->ask();
      g.config_worker->wake();
      return g.certificates->state().certificate.fingerprint;
    });
    if (serving != std::exchange(certificate, serving)) books.count("certificates");
    if (round % 16 == 0 &&
        client.insist("rotation", post("/v1/admin/keys/rotate", key, R"({"use":"access"})")))
      books.count("rotations");
    scraper.ask("metrics", request("GET", "/metrics", {}));
    scraper.ask("health", request("GET", "/healthz", {}));
    client.ask("doctor", request("GET", "/v1/admin/doctor", key));
    std::this_thread::sleep_for(milliseconds(40));
  }
}

}  // namespace

TEST_CASE(
    "asking, writing, waiting, leaving, revoking, reloading and draining go on at the same time") {
  const char* asked = std::getenv("CCP_LONG_TESTS");
  const bool is_long = asked != nullptr && std::string_view(asked) == "1";
  const auto length = is_long ? std::chrono::seconds(60) : std::chrono::seconds(3);
  const auto between_drains =
      is_long ? std::chrono::milliseconds(4000) : std::chrono::milliseconds(1000);
  log::setSink([](std::string_view) {});
  Node node;
  node.start();
  Books books;
  Tokens tokens;
  Revoker first(node, books, tokens, 1), second(node, books, tokens, 2);
  std::vector<std::unique_ptr<Writer>> writers;
  writers.push_back(std::make_unique<UsageWriter>(node, books, Which::tls, "usage-a", 11));
  writers.push_back(std::make_unique<UsageWriter>(node, books, Which::plain, "usage-b", 12));
  for (unsigned i = 0; i < 3; ++i)
    writers.push_back(
        std::make_unique<HookWriter>(node, books, i == 0 ? Which::tls : Which::plain,
                                     "hook-" + std::string(1, static_cast<char>('a' + i)), 13 + i));

  Crew crew(books);
  const auto go = [&](std::function<void()> work) { crew.send(std::move(work)); };
  go([&] { first.run(); });
  go([&] { second.run(); });
  for (const auto& writer : writers) go([&writer] { writer->run(); });
  for (unsigned i = 0; i < 3; ++i)
    go([&, i] { introspect(node, books, tokens, i == 0 ? Which::tls : Which::plain, 21 + i); });
  for (const auto which : {Which::tls, Which::plain}) {
    go([&, which] { waitForNews(node, books, which, 31); });
    go([&, which] { dawdle(node, books, which); });
  }
  go([&] { leave(node, books, tokens, 41); });
  go([&] { change(node, books); });
  go([&] {
    while (!books.over) {
      node.news.publish();
      std::this_thread::sleep_for(milliseconds(20));
    }
  });

  const auto until = std::chrono::steady_clock::now() + length;
  int drains = 0;
  bool clean = true;
  while (clean && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(between_drains);
    clean = node.restart();
    if (!clean) std::_Exit(1);  // a handler hangs, and nothing may be destroyed under it
    ++drains;
  }
  std::this_thread::sleep_for(between_drains);
  crew.callBack();
  CHECK(node.restart());

  for (const auto& fault : books.faults()) MESSAGE(fault);
  CHECK(books.faults().empty());
  for (const auto& writer : writers) {
    CAPTURE(writer->name);
    const auto read = node.inside([&](app::Graph& g) {
      return g.db->read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<std::string>> {
        return writer->stored(tx);
      });
    });
    REQUIRE(read);
    const std::set<std::string> stored(read->begin(), read->end());
    CHECK(stored.size() == read->size());
    CHECK(std::includes(stored.begin(), stored.end(), writer->acknowledged.begin(),
                        writer->acknowledged.end()));
    CHECK(std::includes(writer->sent.begin(), writer->sent.end(), stored.begin(), stored.end()));
    CHECK(!writer->acknowledged.empty());
  }
  CHECK(node.stop());
  CHECK(node.longest_stop < std::chrono::seconds(20));

  // Nothing above means anything unless all of it happened.
  auto counts = books.counts();
  for (const char* what : {"active", "inactive", "log-outs", "suspensions", "writes",
                           "writes left alone", "long polls with news", "long polls left", "left",
                           "slow requests", "reloads", "certificates"}) {
    CAPTURE(what);
    CHECK(counts[what] > 0);
  }
  CHECK(node.tokens("hits") > 0);
  CHECK(node.tokens("misses") > 0);
  CHECK(drains > 0);
  std::string said =
      std::to_string(drains) + " drains, the longest " +
      std::to_string(
          std::chrono::duration_cast<std::chrono::milliseconds>(node.longest_stop).count()) +
      " ms";
  for (const auto& [what, n] : counts) said += ", " + what + " " + std::to_string(n);
  MESSAGE(said);
  log::setSink({});
}

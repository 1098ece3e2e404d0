// ccp dev sample-transcripts: transcripts in the format of Claude Code, made up, for
// demonstrations.
#include <algorithm>
#include <fstream>

#include "cli/commands/usage.hpp"
#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/file.hpp"

namespace ccp::cli {
namespace {

/// Reproducible numbers (SplitMix64, Steele and others 2014): the same seed gives the same sample.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(int percent) { return between(1, 100) <= percent; }
  std::string id(const char* prefix) {
    static constexpr std::string_view kLetters =
        "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    std::string out = prefix;
    for (int i = 0; i < 22; ++i)
      out.push_back(kLetters[static_cast<std::size_t>(next() % kLetters.size())]);
    return out;
  }
  std::string uuid() {
    char text[40];
    const auto a = next(), b = next();
    std::snprintf(text, sizeof text, "%08x-%04x-4%03x-a%03x-%012llx",
                  static_cast<unsigned>(a >> 32), static_cast<unsigned>(a >> 16 & 0xffff),
                  static_cast<unsigned>(a & 0xfff), static_cast<unsigned>(b >> 52),
                  static_cast<unsigned long long>(b & 0xffffffffffffULL));
    return text;
  }

 private:
  std::uint64_t state_;
};

constexpr const char* kMain[] = {"claude-opus-4-6", "claude-sonnet-4-5-20250929"};
constexpr const char* kSmall = "claude-haiku-4-5-20251001";
constexpr const char* kProjects[] = {"-home-dev-shop-frontend", "-home-dev-billing-service",
                                     "-home-dev-infra"};

std::string timeOf(Timestamp t) {
  char fraction[8];
  std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>((toMicros(t) / 1000) % 1000));
  return formatRfc3339(std::chrono::floor<seconds>(t)).substr(0, 19) + fraction;
}

/// One session: its own transcript, perhaps a sub-agent's beside it.
class Session {
 public:
  Session(Dice& dice, Timestamp start, Timestamp end)
      : dice_(dice), at_(start), end_(end), id_(dice.uuid()) {}

  void write() {
    const char* model = kMain[dice_.chance(60) ? 0 : 1];
    const auto turns = dice_.between(4, 18);
    for (std::int64_t turn = 0; turn < turns && at_ < end_; ++turn) {
      user(main);
      const auto calls = dice_.between(1, 6);
      for (std::int64_t call = 0; call < calls && at_ < end_; ++call) response(main, model, false);
      if (dice_.chance(18)) {
        for (std::int64_t call = 0; call < 3 && at_ < end_; ++call) response(agent, kSmall, true);
      }
      at_ += seconds(dice_.between(20, 400));
    }
    // What real folders have: a line that was cut off when the machine went down.
    if (dice_.chance(10))
      main += "{\"type\":\"assistant\",\"timestamp\":\"" + timeOf(at_) +
              "\",\"message\":{\"id\":\"msg_01\",\"usage\":{\"input_tok\n";
  }

  const std::string& id() const { return id_; }
  std::string main, agent;

 private:
  Json base(const char* type, bool side) {
    auto out = Json::object({{"type", type},
                             {"timestamp", timeOf(at_)},
                             {"sessionId", id_},
                             {"uuid", dice_.uuid()},
                             {"parentUuid", parent_},
                             {"isSidechain", side},
                             {"version", "2.1.39"}});
    parent_ = out.strOr("uuid");
    return out;
  }

  void user(std::string& file) {
    auto line = base("user", false);
    line.set("message", Json::object({{"role", "user"}}));
    file += line.dump() + "\n";
  }

  /// One API response stands in one line per content block, with growing output.
  void response(std::string& file, const char* model, bool side) {
    context_ = side ? dice_.between(4'000, 30'000)
                    : std::min<std::int64_t>(context_ + dice_.between(200, 4'000), 160'000);
    const auto message = dice_.id("msg_01"), request = dice_.id("req_011C");
    const auto written = dice_.between(300, 6'000), output = dice_.between(40, 1'800);
    const auto blocks = dice_.between(1, 3);
    for (std::int64_t block = 1; block <= blocks; ++block) {
      at_ += milliseconds(dice_.between(400, 9'000));
      auto line = base("assistant", side);
      line.set("requestId", request);
      const auto usage = Json::object(
          {{"input_tokens", static_cast<long long>(dice_.between(1, 12))},
           {"cache_creation_input_tokens", static_cast<long long>(written)},
           {"cache_read_input_tokens", static_cast<long long>(context_)},
           {"cache_creation",
            Json::object({{"ephemeral_5m_input_tokens", static_cast<long long>(written)},
                          {"ephemeral_1h_input_tokens", 0}})},
           {"output_tokens",
            static_cast<long long>(
                block == blocks ? output : std::max<std::int64_t>(1, output * block / 10))},
           {"service_tier", "standard"}});
      line.set("message", Json::object({{"id", message},
                                        {"type", "message"},
                                        {"role", "assistant"},
                                        {"model", model},
                                        {"stop_reason", Json()},
                                        {"usage", usage}}));
      file += line.dump() + "\n";
    }
    at_ += seconds(dice_.between(1, 20));
  }

  Dice& dice_;
  Timestamp at_, end_;
  std::string id_, parent_ = "00000000-0000-4000-a000-000000000000";
  std::int64_t context_ = 12'000;
};

/// Made-up data need no fsync: a power cut loses nothing of worth.
Status writeSample(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (!file) return fail(Errc::io_error, "Cannot write " + path + ".");
  return {};
}

}  // namespace

Outcome<int> runSampleTranscripts(const Context& context, const SampleOptions& options) {
  auto now = context.clock.now();
  if (!options.now.empty()) {
    CLI_TRY(now, parseRfc3339(options.now));
  }
  const auto days = std::clamp(options.days, 1, 400);
  Dice dice(static_cast<std::uint64_t>(options.seed));
  const auto root = options.folder + "/projects/";
  std::int64_t sessions = 0;
  for (int back = days - 1; back >= 0; --back) {
    const auto day = std::chrono::floor<std::chrono::days>(now) - std::chrono::days(back);
    const auto weekday = std::chrono::weekday(day).c_encoding();
    const bool weekend = weekday == 0 || weekday == 6;
    auto count = weekend ? dice.between(1, 2) : dice.between(4, 8);
    for (std::int64_t n = 0; n < count; ++n) {
      Timestamp start = Timestamp(day) + minutes(dice.between(7 * 60, 19 * 60));
      // Today is filled up to this moment, so that the last hours of a chart are not empty.
      if (back == 0) start = Timestamp(day) + (now - Timestamp(day)) * (n + 1) / (count + 1);
      Session session(dice, start, now);
      session.write();
      if (session.main.empty()) continue;
      const auto folder = root + kProjects[static_cast<std::size_t>(dice.between(0, 2))];
      CLI_CHECK(makeDirectories(folder, 0700));
      CLI_CHECK(writeSample(folder + "/" + session.id() + ".jsonl", session.main));
      if (!session.agent.empty()) {
        CLI_CHECK(makeDirectories(folder + "/" + session.id() + "/subagents", 0700));
        CLI_CHECK(writeSample(folder + "/" + session.id() + "/subagents/agent-a" +
                                  dice.uuid().substr(0, 6) + ".jsonl",
                              session.agent));
      }
      ++sessions;
    }
  }
  if (context.json)
    context.emit(Json::object(
        {{"dir", options.folder}, {"sessions", static_cast<long long>(sessions)}, {"days", days}}));
  say(context, "Wrote " + withThousands(sessions) + " made-up sessions of " + std::to_string(days) +
                   " days to " + root);
  return kOk;
}

}  // namespace ccp::cli

#include "policy/evaluation/compiled_set.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "policy/schema/schema.hpp"

namespace ccp::policy {
namespace {

constexpr std::size_t indexOf(Point point) noexcept { return static_cast<std::size_t>(point); }

std::uint64_t wish(const Json& limits, std::string_view key, std::uint64_t standard, std::uint64_t most) noexcept {
  const auto wanted = limits[key].asInt();
  if (!wanted || *wanted <= 0) return standard;
  return std::min(static_cast<std::uint64_t>(*wanted), most);
}

/// A file of a pack at a point.
struct Entry {
  std::size_t pack = 0;  ///< index in the set
  PointClass point_class = PointClass::enforce;
  ProgramPtr program;
  Limits limits;
  std::optional<Schema> input;  ///< the pack's own
};

std::string first(const std::vector<FieldError>& errors) { return errors.front().pointer + ": " + errors.front().rule; }

class Set final : public CompiledSet {
 public:
  Set(Engine& engine, VerifiedSet set) : engine_(engine), set_(std::move(set)) {
    expires_.fill(Timestamp::max());
    for (const auto& pack : set_.packs) {
      if (!pack.sha256.empty()) digests_.push_back(pack.sha256);
    }
    std::sort(digests_.begin(), digests_.end());
  }

  Status build(const Set* reuse) {
    for (std::size_t i = 0; i < set_.packs.size(); ++i) {
      if (reuse && borrow(i, *reuse)) continue;
      CCP_CHECK_OK(compilePack(i));
    }
    for (std::size_t point = 0; point < kPointCount; ++point) {
      for (const auto& entry : entries_[point]) {
        const auto& pack = set_.packs[entry.pack];
        packs_[point].push_back(&pack);
        if (set_.origin == Origin::builtin) continue;
        expires_[point] = std::min({expires_[point], set_.expires_at, pack.document.expires_at});
      }
    }
    return {};
  }

  const VerifiedSet& set() const noexcept override { return set_; }
  bool answers(Point point) const noexcept override { return !entries_[indexOf(point)].empty(); }
  const std::vector<const VerifiedPack*>& packs(Point point) const noexcept override { return packs_[indexOf(point)]; }
  Timestamp expiresAt(Point point) const noexcept override { return expires_[indexOf(point)]; }
  bool has(std::string_view sha256) const noexcept override { return std::binary_search(digests_.begin(), digests_.end(), sha256); }

  SetAnswer decide(Point point, std::string_view input, Recording recording, const Json* parsed) const override {
    SetAnswer out;
    const auto& entries = entries_[indexOf(point)];
    out.packs.reserve(entries.size());
    std::optional<Json> own;
    for (const auto& entry : entries) {
      PackAnswer& answer = out.packs.emplace_back(PackAnswer{&set_.packs[entry.pack], entry.point_class, Condition::asked, {}});
      if (entry.input && !fits(*entry.input, input, parsed, own, answer)) continue;
      answer.outcome = engine_.decide(entry.program, input, entry.limits, recording);
      if (answer.outcome.fault != Fault::none) continue;
      if (const auto errors = resultSchema(point).check(answer.outcome.result); !errors.empty()) {
        answer.outcome.fault = Fault::bad_result;
        answer.outcome.message = first(errors);
        answer.outcome.result = Json::object();
      }
    }
    return out;
  }

  SetAnswer unasked(Point point, Condition condition, const std::string& message) const override {
    SetAnswer out;
    for (const auto& entry : entries_[indexOf(point)]) {
      PackAnswer& answer = out.packs.emplace_back(PackAnswer{&set_.packs[entry.pack], entry.point_class, condition, {}});
      answer.outcome.message = message;
    }
    return out;
  }

 private:
  /// The pack's own schema is rare, so that only then the text is read once more.
  static bool fits(const Schema& schema, std::string_view input, const Json* parsed, std::optional<Json>& own, PackAnswer& answer) {
    if (!parsed) {
      if (!own) {
        auto value = parseJson(input);
        if (!value) {
          answer.condition = Condition::bad_input;
          answer.outcome.message = value.error().detail;
          return false;
        }
        own = std::move(*value);
      }
      parsed = &*own;
    }
    const auto errors = schema.check(*parsed);
    if (errors.empty()) return true;
    answer.condition = Condition::bad_input;
    answer.outcome.message = first(errors);
    return false;
  }

  static tl::unexpected<Error> failed(const VerifiedPack& pack, const std::string& detail) {
    return fail(Errc::policy_compile_failed, "Pack \"" + pack.document.name + "\": " + detail);
  }

  Status compilePack(std::size_t index) {
    const VerifiedPack& pack = set_.packs[index];
    const PackDocument& document = pack.document;
    const Limits limits = limitsInForce(document.limits);
    std::map<std::string, ProgramPtr> programs;  // a file may serve several points
    for (const auto& [point, path] : document.entry) {
      auto& program = programs[path];
      if (!program) {
        const auto* source = document.file(path);
        if (!source) return failed(pack, "the entry of " + std::string(toString(point)) + " is \"" + path + "\", which is not among its files.");
        auto loaded = engine_.load(path, *source, document.data, limits);
        if (!loaded) return failed(pack, loaded.error().detail);
        program = std::move(*loaded);
      }
      Entry entry{index, PointClass::enforce, program, limits, std::nullopt};
      if (const auto it = document.classes.find(point); it != document.classes.end()) entry.point_class = it->second;
      if (const auto it = document.input_schema.find(point); it != document.input_schema.end()) {
        auto schema = Schema::compile(it->second);
        if (!schema) return failed(pack, "the input schema of " + std::string(toString(point)) + ": " + schema.error().detail);
        entry.input = std::move(*schema);
      }
      entries_[indexOf(point)].push_back(std::move(entry));
    }
    return {};
  }

  /// Takes what another set compiled of the same bytes.
  bool borrow(std::size_t index, const Set& from) {
    const auto& sha256 = set_.packs[index].sha256;
    if (sha256.empty() || &from.engine_ != &engine_) return false;
    const auto& theirs = from.set_.packs;
    const auto it = std::find_if(theirs.begin(), theirs.end(), [&](const VerifiedPack& pack) { return pack.sha256 == sha256; });
    if (it == theirs.end()) return false;
    const auto their_index = static_cast<std::size_t>(it - theirs.begin());
    for (std::size_t point = 0; point < kPointCount; ++point) {
      for (const auto& entry : from.entries_[point]) {
        if (entry.pack != their_index) continue;
        entries_[point].push_back(entry);
        entries_[point].back().pack = index;
      }
    }
    return true;
  }

  Engine& engine_;
  const VerifiedSet set_;
  std::vector<std::string> digests_;
  std::array<std::vector<Entry>, kPointCount> entries_;
  std::array<std::vector<const VerifiedPack*>, kPointCount> packs_;
  std::array<Timestamp, kPointCount> expires_{};
};

class Layered final : public CompiledSet {
 public:
  Layered(std::shared_ptr<const CompiledSet> top, std::shared_ptr<const CompiledSet> base) : top_(std::move(top)), base_(std::move(base)) {}
  const CompiledSet& top() const noexcept { return *top_; }

  const VerifiedSet& set() const noexcept override { return top_->set(); }
  bool answers(Point point) const noexcept override { return top_->answers(point) || base_->answers(point); }
  const std::vector<const VerifiedPack*>& packs(Point point) const noexcept override { return at(point).packs(point); }
  Timestamp expiresAt(Point point) const noexcept override { return at(point).expiresAt(point); }
  bool has(std::string_view sha256) const noexcept override { return top_->has(sha256); }
  SetAnswer decide(Point point, std::string_view input, Recording recording, const Json* parsed) const override {
    return at(point).decide(point, input, recording, parsed);
  }
  SetAnswer unasked(Point point, Condition condition, const std::string& message) const override {
    return at(point).unasked(point, condition, message);
  }

 private:
  const CompiledSet& at(Point point) const noexcept { return top_->answers(point) ? *top_ : *base_; }

  std::shared_ptr<const CompiledSet> top_, base_;
};

}  // namespace

Limits limitsInForce(const Json& wishes) noexcept {
  const Limits standard;
  Limits out;
  out.fuel = wish(wishes, "fuel", standard.fuel, kMaxLimits.fuel);
  out.memory = wish(wishes, "memory_bytes", standard.memory, kMaxLimits.memory);
  const auto most = static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(kMaxLimits.wall).count());
  const auto usual = static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(standard.wall).count());
  out.wall = milliseconds(wish(wishes, "wall_ms", usual, most));
  return out;
}

Result<std::shared_ptr<const CompiledSet>> CompiledSet::compile(Engine& engine, VerifiedSet set, const CompiledSet* reuse) {
  if (const auto* layered = dynamic_cast<const Layered*>(reuse)) reuse = &layered->top();
  auto out = std::make_shared<Set>(engine, std::move(set));
  CCP_CHECK_OK(out->build(dynamic_cast<const Set*>(reuse)));
  return out;
}

std::shared_ptr<const CompiledSet> CompiledSet::withFallback(std::shared_ptr<const CompiledSet> top, std::shared_ptr<const CompiledSet> base) {
  return std::make_shared<Layered>(std::move(top), std::move(base));
}

}  // namespace ccp::policy

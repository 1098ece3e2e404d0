// Values that fit a schema: random ones for fuzzing, plain ones for what nobody asks about.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "policy/schema/node.hpp"

namespace ccp::policy {
namespace {

constexpr std::int64_t kSafe = 1LL << 53;  // what the engine takes
constexpr int kMaxDepth = 12;

/// Pieces of text that break careless code: empty, spaces, quotes, long code points, wildcards.
constexpr std::array<std::string_view, 18> kPieces{
    "a", "Z", "0", "9", " ", "_", "-", ".", "/", "*", "%", "\"", "\\", "\n", "@", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x94\x92"};

bool lucky(Random& random, std::uint32_t one_in) { return random.below(one_in) == 0; }

const Json& oneOf(const std::vector<Json>& values, Random& random) {
  return values[random.below(static_cast<std::uint32_t>(values.size()))];
}

}  // namespace

struct Schema::Sampler {
  Random& random;

  Json make(const Node& node, int depth) const {
    if (!node.values.empty()) return oneOf(node.values, random);
    const auto& examples = node.text["examples"].items();
    if (!examples.empty() && random.below(3) != 0) return oneOf(examples, random);
    std::vector<Node::Type> types;
    for (const auto type : {Node::null, Node::boolean, Node::integer, Node::number, Node::string,
                            Node::array, Node::object}) {
      const bool leaf = type != Node::array && type != Node::object;
      if (node.is(type) && (leaf || depth < kMaxDepth)) types.push_back(type);
    }
    if (types.empty()) return node.is(Node::object) ? Json::object() : Json::array();
    switch (types[random.below(static_cast<std::uint32_t>(types.size()))]) {
      case Node::null: return nullptr;
      case Node::boolean: return lucky(random, 2);
      case Node::integer: return integer(node);
      case Node::number: return number(node);
      case Node::string: return text(node);
      case Node::array: return array(node, depth);
      default: return object(node, depth);
    }
  }

  Json integer(const Node& node) const {
    const auto bound = [](double value) {
      return static_cast<std::int64_t>(std::clamp(value, -static_cast<double>(kSafe), static_cast<double>(kSafe)));
    };
    const std::int64_t low = node.minimum ? bound(std::ceil(*node.minimum)) : -kSafe;
    const std::int64_t high = node.maximum ? bound(std::floor(*node.maximum)) : kSafe;
    std::int64_t value = 0;
    switch (random.below(5)) {
      case 0: value = low; break;
      case 1: value = high; break;
      case 2: value = random.below(10); break;
      case 3: value = random.below(100'000); break;
      default: value = static_cast<std::int64_t>(random.below(1u << 31)) * random.below(1u << 20); break;
    }
    return std::clamp(value, low, high);
  }

  Json number(const Node& node) const {
    if (lucky(random, 2)) return integer(node);
    const double low = node.minimum.value_or(-1e15), high = node.maximum.value_or(1e15);
    return low + (high - low) * (random.below(1'000'001) / 1e6);
  }

  Json text(const Node& node) const {
    const std::int64_t most = node.max_length < 0 ? std::numeric_limits<std::int64_t>::max() : node.max_length;
    std::int64_t length = node.min_length + static_cast<std::int64_t>(random.below(lucky(random, 8) ? 200 : 20));
    if (lucky(random, 10)) length = node.min_length;
    length = std::min(length, most);
    std::string out;
    for (std::int64_t i = 0; i < length; ++i)
      out += kPieces[random.below(static_cast<std::uint32_t>(kPieces.size()))];
    return out;
  }

  Json array(const Node& node, int depth) const {
    std::int64_t count = node.min_items + static_cast<std::int64_t>(random.below(5));
    if (node.max_items >= 0) count = std::min(count, node.max_items);
    Json out = Json::array();
    for (std::int64_t i = 0; i < count; ++i)
      out.push(node.items ? make(*node.items, depth + 1) : Json(static_cast<std::int64_t>(i)));
    return out;
  }

  Json object(const Node& node, int depth) const {
    Json out = Json::object();
    for (const auto& [name, below] : node.properties) {
      if (node.needs(name) || lucky(random, 2)) out.set(name, make(*below, depth + 1));
    }
    if (node.additional) {
      const auto count = random.below(5);
      static constexpr std::array<std::string_view, 6> names{"alpha", "token", "a/b", "x~y", "seats", "\xC3\xA9"};
      for (std::uint32_t i = 0; i < count; ++i) {
        const auto name = names[random.below(static_cast<std::uint32_t>(names.size()))];
        if (node.property(name) == nullptr) out.set(name, make(*node.additional, depth + 1));
      }
    }
    return out;
  }

  static Json plain(const Node& node, int depth) {
    if (!node.values.empty()) {
      const auto& examples = node.text["examples"].items();
      return examples.empty() ? node.values.front() : examples.front();
    }
    if (const auto& examples = node.text["examples"].items(); !examples.empty()) return examples.front();
    if (node.is(Node::object) && node.types != Node::any) {
      Json out = Json::object();
      for (const auto& [name, below] : node.properties) {
        if (depth < kMaxDepth || node.needs(name)) out.set(name, plain(*below, depth + 1));
      }
      return out;
    }
    if (node.is(Node::string)) return std::string(static_cast<std::size_t>(node.min_length), 'a');
    if (node.is(Node::integer) || node.is(Node::number)) {
      const double low = node.minimum.value_or(0), high = node.maximum.value_or(0);
      return static_cast<std::int64_t>(std::max(low, std::min(0.0, high)));
    }
    if (node.is(Node::boolean)) return false;
    if (node.is(Node::array)) {
      Json out = Json::array();
      for (std::int64_t i = 0; i < node.min_items; ++i)
        out.push(node.items ? plain(*node.items, depth + 1) : Json(0));
      return out;
    }
    return nullptr;
  }
};

Json Schema::sample(Random& random) const { return Sampler{random}.make(*node_, 0); }
Json Schema::example() const { return Sampler::plain(*node_, 0); }

}  // namespace ccp::policy

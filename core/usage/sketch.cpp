#include "core/usage/sketch.hpp"

#include <algorithm>
#include <cmath>

namespace ccp::usage {
namespace {

const double kGamma = (1 + Sketch::kAlpha) / (1 - Sketch::kAlpha);
const double kLogGamma = std::log(kGamma);

tl::unexpected<Error> invalid(std::string detail) { return fail(Errc::validation_failed, "ttft: " + std::move(detail)); }

/// Adds without leaving the range that every number of ours keeps.
std::int64_t plus(std::int64_t a, std::int64_t b) { return std::min(a + b, Sketch::kMaxCount); }

}  // namespace

Result<Sketch> Sketch::parse(const Json& json) {
  if (!json.isObject()) return invalid("must be an object");
  for (const auto& [name, value] : json.members()) {
    if (name == "p50_ms" || name == "p90_ms" || name == "p99_ms") {
      const auto number = value.asDouble();
      if (!value.isNull() && (!number || !(*number >= 0) || *number > static_cast<double>(kMaxCount))) {
        return invalid(name + " must be a number of milliseconds");
      }
    } else if (name != "alpha" && name != "zero" && name != "offset" && name != "counts") {
      return invalid("unknown field '" + name.substr(0, 40) + "'");
    }
  }
  const auto alpha = json["alpha"].asDouble();
  if (!alpha || std::abs(*alpha - kAlpha) > 1e-12) return invalid("alpha must be 0.01");
  Sketch out;
  const auto zero = json["zero"].asInt();
  if (!zero || *zero < 0 || *zero > kMaxCount) return invalid("zero must be an integer from 0 to 2^53");
  out.zero_ = *zero;
  const auto offset = json["offset"].asInt();
  if (!offset || *offset < kMinIndex || *offset > kMaxIndex) return invalid("offset must be an integer from -2000 to 2000");
  const auto* counts = json["counts"].asArray();
  if (counts == nullptr) return invalid("counts must be a list");
  if (counts->size() > kMaxBuckets) return invalid("counts has more than 512 buckets");
  if (*offset + static_cast<std::int64_t>(counts->size()) > kMaxIndex + 1) return invalid("counts reach beyond index 2000");
  std::int64_t total = out.zero_;
  for (std::size_t i = 0; i < counts->size(); ++i) {
    const auto n = (*counts)[i].asInt();
    if (!n || *n < 0 || *n > kMaxCount) return invalid("counts must hold integers from 0 to 2^53");
    total += *n;
    if (total > kMaxCount) return invalid("the counts add up to more than 2^53");
    if (*n > 0) out.addAt(*offset + static_cast<std::int64_t>(i), *n);
  }
  return out;
}

Json Sketch::json() const {
  Json counts = Json::array();
  for (const auto n : counts_) counts.push(n);
  return Json::object({{"alpha", kAlpha}, {"zero", zero_}, {"offset", counts_.empty() ? 0 : offset_}, {"counts", counts}});
}

void Sketch::add(double value_ms) {
  // Below a nanosecond is nothing.
  if (!(value_ms > 1e-6)) {
    zero_ = plus(zero_, 1);
    return;
  }
  const auto index = static_cast<std::int64_t>(std::ceil(std::log(value_ms) / kLogGamma));
  addAt(std::clamp(index, kMinIndex, kMaxIndex), 1);
}

void Sketch::addAt(std::int64_t index, std::int64_t n) {
  if (counts_.empty()) {
    offset_ = index;
    counts_.push_back(0);
  } else if (index < offset_) {
    counts_.insert(counts_.begin(), static_cast<std::size_t>(offset_ - index), 0);
    offset_ = index;
  } else if (index >= offset_ + static_cast<std::int64_t>(counts_.size())) {
    counts_.resize(static_cast<std::size_t>(index - offset_ + 1), 0);
  }
  auto& bucket = counts_[static_cast<std::size_t>(index - offset_)];
  bucket = plus(bucket, n);
}

void Sketch::merge(const Sketch& other) {
  zero_ = plus(zero_, other.zero_);
  for (std::size_t i = 0; i < other.counts_.size(); ++i) {
    if (other.counts_[i] > 0) addAt(other.offset_ + static_cast<std::int64_t>(i), other.counts_[i]);
  }
}

std::int64_t Sketch::count() const noexcept {
  std::int64_t total = zero_;
  for (const auto n : counts_) total = plus(total, n);
  return total;
}

std::optional<double> Sketch::quantile(double q) const {
  const std::int64_t total = count();
  if (total == 0) return std::nullopt;
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(total - 1);
  double seen = static_cast<double>(zero_);
  if (seen > rank) return 0.0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += static_cast<double>(counts_[i]);
    if (seen > rank) {
      // The point of bucket (γ^(i-1), γ^i] that is within α of both ends.
      return 2 * std::exp(kLogGamma * static_cast<double>(offset_ + static_cast<std::int64_t>(i))) / (kGamma + 1);
    }
  }
  return 2 * std::exp(kLogGamma * static_cast<double>(offset_ + static_cast<std::int64_t>(counts_.size()) - 1)) / (kGamma + 1);
}

}  // namespace ccp::usage

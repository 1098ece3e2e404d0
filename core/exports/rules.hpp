// When an export is tried again, how much goes into one batch and what may leave the server, as pure
// functions.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/time.hpp"

namespace ccp::exports {

inline constexpr std::string_view kEvents = "events";
inline constexpr std::string_view kRollups = "rollups";
inline constexpr std::string_view kDecisions = "decisions";
inline constexpr std::array<std::string_view, 3> kStreams = {kEvents, kRollups, kDecisions};

inline constexpr std::size_t kMaxRecords = 500;
inline constexpr std::size_t kMaxBytes = 1u << 20;

enum class StreamState { active, declined, disabled };
const char* toString(StreamState state) noexcept;
/// A word that we do not know is `disabled`: nothing goes out by mistake.
StreamState streamStateFrom(std::string_view text) noexcept;

/// May the usage of an organization leave the server now?
bool mayExportUsage(std::string_view privacy) noexcept;

/// The wait after `failures` failures in a row: the schedule of Standard Webhooks (5 s, 5 min, 30 min,
/// 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, then every 24 h), a fifth more or less by `spread` in [0, 1).
Duration backOff(std::int64_t failures, double spread) noexcept;
/// The same, where the target has said when to come back (0: it has not).
Duration waitAfter(std::int64_t failures, int retry_after_s, double spread) noexcept;

/// How many of the records, in order, make one batch: at most kMaxRecords and kMaxBytes, at least one.
std::size_t batchSize(const std::vector<std::size_t>& bytes) noexcept;

}  // namespace ccp::exports

// How far a set of policies got on its way to deciding. Values; shown by `ccp policy status`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "policy/distribution/verified_set.hpp"

namespace ccp::policy {

enum class Stage : std::uint8_t { fetched, verified, compiled, linted, self_tested, shadowed, active };
const char* toString(Stage stage) noexcept;

/// Where it stopped and why: the stage that failed, with the error's stable code.
struct Refusal {
  Stage stage = Stage::fetched;
  Error error;
};

/// A draft that sees live questions beside what runs.
struct DraftStatus {
  std::string sha256;            ///< of its channel document
  std::int64_t version = 0;      ///< of its channel
  std::uint64_t decisions = 0;   ///< questions that it answered, since it was put there
  std::uint64_t differing = 0;   ///< of these: allowed instead of denied, the other way round, or routed elsewhere
};

struct SetStatus {
  std::string org;
  Channel channel = Channel::dev;
  std::int64_t version = 0;
  std::string sha256;
  std::uint64_t generation = 0;  ///< counts swaps of this process
  Origin origin = Origin::builtin;
  Timestamp activated_at, issued_at, expires_at;
  bool stale = false;
  std::vector<VerifiedPack> packs;  ///< documents without files
  std::optional<Refusal> last_refusal;
  std::uint64_t decisions = 0, faults = 0, denials = 0;  ///< of this generation
  std::uint64_t rollbacks = 0;     ///< automatic ones since a generation last stood its trial
  bool on_trial = false;           ///< freshly swapped in: a bad start takes it back
  bool manual = false;             ///< three rollbacks: the next one is for a person
  std::optional<DraftStatus> draft;  ///< in shadow
};

}  // namespace ccp::policy

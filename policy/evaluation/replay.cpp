#include "policy/evaluation/replay.hpp"

#include <algorithm>
#include <chrono>

namespace ccp::policy {
namespace {

bool isFault(const SetAnswer& answers) {
  return std::any_of(answers.packs.begin(), answers.packs.end(), [](const PackAnswer& answer) { return answer.condition != Condition::asked || answer.faulted(); });
}

/// Did a policy read one of the values that are hidden, or something below it?
bool readMasked(const PastDecision& past, const std::vector<std::string>& fields) {
  for (const auto& hidden : past.masked) {
    for (const auto& field : fields) {
      if (field.starts_with(hidden) && (field.size() == hidden.size() || field[hidden.size()] == '/')) return true;
    }
  }
  return false;
}

Flip compare(const PastDecision& past, const Decision& now, bool fault) noexcept {
  if (fault) return Flip::fault;
  if (past.allow != now.allow) return now.allow ? Flip::newly_allowed : Flip::newly_denied;
  return past.allow && past.lane != now.lane ? Flip::rerouted : Flip::same;
}

void count(ReplayReport& report, Flip flip) noexcept {
  ++report.total;
  switch (flip) {
    case Flip::same: ++report.same; break;
    case Flip::newly_denied: ++report.newly_denied; break;
    case Flip::newly_allowed: ++report.newly_allowed; break;
    case Flip::rerouted: ++report.rerouted; break;
    case Flip::fault: ++report.faults; break;
    case Flip::indeterminate: ++report.indeterminate; break;
  }
}

/// The lines of the lowest ids, so that a short report is the same in whatever order decisions come.
void shorten(std::vector<ReplayLine>& lines, std::size_t max_lines) {
  std::stable_sort(lines.begin(), lines.end(), [](const ReplayLine& a, const ReplayLine& b) { return a.past.id < b.past.id; });
  if (lines.size() > max_lines) lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(max_lines), lines.end());
}

Duration percentile(const std::vector<Duration>& sorted, int percent) {
  if (sorted.empty()) return Duration::zero();
  return sorted[(sorted.size() - 1) * static_cast<std::size_t>(percent) / 100];
}

}  // namespace

const char* toString(Flip flip) noexcept {
  switch (flip) {
    case Flip::same: return "same";
    case Flip::newly_denied: return "newly_denied";
    case Flip::newly_allowed: return "newly_allowed";
    case Flip::rerouted: return "rerouted";
    case Flip::fault: return "fault";
    case Flip::indeterminate: return "indeterminate";
  }
  return "indeterminate";
}

double ReplayReport::flipRate() const noexcept {
  const auto decided = total - indeterminate;
  return decided > 0 ? static_cast<double>(decided - same) / static_cast<double>(decided) : 0;
}

void merge(ReplayReport& into, ReplayReport&& more, std::size_t max_lines) {
  into.total += more.total;
  into.same += more.same;
  into.newly_denied += more.newly_denied;
  into.newly_allowed += more.newly_allowed;
  into.rerouted += more.rerouted;
  into.faults += more.faults;
  into.indeterminate += more.indeterminate;
  into.p50 = std::max(into.p50, more.p50);
  into.p99 = std::max(into.p99, more.p99);
  std::move(more.flips.begin(), more.flips.end(), std::back_inserter(into.flips));
  shorten(into.flips, max_lines);
}

ReplayReport replay(const std::vector<PastDecision>& past, const CompiledSet& operators, const CompiledSet* organization,
                    const std::vector<std::string>& lanes, std::size_t max_lines) {
  ReplayReport report;
  std::vector<Duration> elapsed;
  elapsed.reserve(past.size());
  for (const auto& one : past) {
    ReplayLine line{one, {}, Flip::indeterminate};
    if (!one.input.empty()) {
      const auto began = std::chrono::steady_clock::now();
      const Recording recording{!one.masked.empty(), false};
      auto ours = operators.decide(one.point, one.input, recording);
      bool fault = isFault(ours);
      SetAnswer theirs;
      if (organization && !info(one.point).commercial) {
        theirs = organization->decide(one.point, one.input, recording);
        fault = fault || isFault(theirs);
      }
      Combined combined = combine(one.point, std::move(ours), &theirs, lanes);
      elapsed.push_back(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began));
      line.now = std::move(combined.decision);
      if (!readMasked(one, combined.fields_read)) line.flip = compare(one, line.now, fault);
    }
    count(report, line.flip);
    if (line.flip == Flip::same) continue;
    report.flips.push_back(std::move(line));
    if (report.flips.size() >= 2 * max_lines + 64) shorten(report.flips, max_lines);
  }
  shorten(report.flips, max_lines);
  std::sort(elapsed.begin(), elapsed.end());
  report.p50 = percentile(elapsed, 50);
  report.p99 = percentile(elapsed, 99);
  return report;
}

}  // namespace ccp::policy

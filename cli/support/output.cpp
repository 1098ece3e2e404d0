#include "cli/support/output.hpp"

#include "cli/support/text_table.hpp"

namespace ccp::cli {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;

}  // namespace

void say(const Context& context, std::string_view line) {
  if (!context.json) context.out << line << '\n' << std::flush;
}

void hint(const Context& context, std::string_view line) {
  if (!context.json && !context.quiet) context.err << line << '\n' << std::flush;
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (auto& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

Progress::Progress(const Context& context, std::string what)
    : context_(context),
      what_(std::move(what)),
      begun_ns_(context.clock.monotonicNs()),
      drawn_ns_(begun_ns_) {}

void Progress::update(std::int64_t done, std::int64_t total, std::string_view unit) {
  std::string state = withThousands(done);
  if (total > 0) state += " of " + withThousands(total);
  state += " " + std::string(unit);
  if (total > 0) state += " (" + std::to_string(done * 100 / total) + " %)";
  update(state);
}

void Progress::update(std::string_view state) {
  if (context_.json || context_.quiet) return;
  const auto now = context_.clock.monotonicNs();
  if (now - begun_ns_ < kSecondNs ||
      now - drawn_ns_ < (context_.terminal ? kSecondNs / 10 : 5 * kSecondNs))
    return;
  drawn_ns_ = now;
  if (context_.terminal) {
    context_.err << "\r\033[K" << what_ << ": " << state << std::flush;
    on_screen_ = true;
  } else {
    context_.err << what_ << ": " << state << '\n' << std::flush;
  }
}

void Progress::clear() {
  if (!on_screen_) return;
  context_.err << "\r\033[K" << std::flush;
  on_screen_ = false;
}

}  // namespace ccp::cli

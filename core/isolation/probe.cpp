#include "core/isolation/probe.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/isolation/process.hpp"

namespace ccp::isolation {
namespace {

constexpr std::size_t kMaxOutput = 64 * 1024;

/// Everything up to the end, the cap or the time.
std::string readAll(int fd, Duration patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  std::string out;
  char buffer[4096];
  while (out.size() < kMaxOutput) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd p{fd, POLLIN, 0};
    if (left <= 0 || ::poll(&p, 1, static_cast<int>(left)) <= 0) break;
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) break;
    out.append(buffer, static_cast<std::size_t>(n));
  }
  return out;
}

}  // namespace

Result<Facts> probe(const std::string& program, int library_fd, Duration patience) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return fail(Errc::io_error, std::string("pipe2: ") + std::strerror(errno));
  const Fd output(fds[0]);
  Fd output_end(fds[1]);
  CCP_TRY(const auto process, Process::launch(program, {"--probe"}, {-1, library_fd, output_end.get()}));
  output_end.reset();
  const std::string text = readAll(output.get(), patience);
  const auto ended = process->wait(milliseconds(500));
  if (!ended) return fail(Errc::plugin_refused, "the library was not loaded within " + formatDuration(patience) + "; its constructors do not come to an end");
  if (ended->by_signal) return fail(Errc::plugin_refused, "the library crashed while it was loaded: " + ended->text());
  // A constructor may have written before: the facts are the last line.
  const auto last = text.find_last_not_of('\n');
  const auto begin = last == std::string::npos ? 0 : text.rfind('\n', last) + 1;
  const auto json = parseJson(std::string_view(text).substr(begin), {kMaxOutput, 8});
  if (!json) return fail(Errc::plugin_refused, "the library ended the process that loaded it: " + ended->text());
  if (const Json* error = json->find("error")) {
    return fail(Errc::plugin_refused, error->asString() ? error->asString()->substr(0, 2000) : "it says nothing about itself");
  }
  return factsFromJson(*json);
}

}  // namespace ccp::isolation

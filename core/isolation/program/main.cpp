// ccp-plugin-host: the process that a plugin runs in when it does not run in ccpd. Started by ccpd, by
// `ccp plugin check`, never by hand.
#include <cstdio>
#include <string_view>

#include "core/isolation/program/program.hpp"

// A sanitizer's own handlers would hide the signal from the parent; leaks are looked for by a process that
// may trace threads, which this one may not. Nothing can come from the environment: it is empty.
#if defined(__SANITIZE_ADDRESS__)
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0:handle_sigill=0:allocator_may_return_null=1";
}
#endif
#if defined(__SANITIZE_THREAD__)
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "halt_on_error=1:report_thread_leaks=0:handle_segv=0:handle_sigbus=0:handle_abort=0:report_signal_unsafe=0"; }
#endif

int main(int argc, char** argv) {
  if (argc == 1) ccp::isolation::servePlugin();
  const std::string_view what = argc == 2 ? argv[1] : "";
  if (what == "--probe") return ccp::isolation::probePlugin();
  if (what == "--version") {
    std::puts("ccp-plugin-host " CCP_VERSION);
    return 0;
  }
  std::fputs("ccp-plugin-host is started by ccpd. It takes nothing, --probe or --version.\n", stderr);
  return 64;
}

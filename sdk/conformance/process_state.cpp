#include "sdk/conformance/process_state.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

extern char** environ;

namespace ccp::kit {
namespace {

namespace fs = std::filesystem;

std::size_t entries(const char* folder) {
  std::error_code ignored;
  std::size_t count = 0;
  for (auto it = fs::directory_iterator(folder, ignored); !ignored && it != fs::directory_iterator(); it.increment(ignored)) ++count;
  return count;
}

std::string address(const void* pointer) {
  char text[32];
  std::snprintf(text, sizeof text, "%p", pointer);
  return text;
}

}  // namespace

std::size_t openDescriptors() { return entries("/proc/self/fd"); }
std::size_t threads() { return entries("/proc/self/task"); }

std::size_t mappings() {
  std::ifstream in("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(in, line);) ++count;
  return count;
}

std::size_t residentBytes() {
  std::ifstream in("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::vector<std::pair<std::string, std::string>> processState() {
  std::vector<std::pair<std::string, std::string>> out;
  std::string all;
  std::vector<std::string> variables;
  for (char** entry = environ; entry && *entry; ++entry) variables.emplace_back(*entry);
  std::sort(variables.begin(), variables.end());
  for (const auto& variable : variables) all += variable + "\n";
  out.emplace_back("the environment", all);
  std::error_code ignored;
  out.emplace_back("the working directory", fs::current_path(ignored).string());
  const char* locale = std::setlocale(LC_ALL, nullptr);
  out.emplace_back("the locale", locale ? locale : "");
  const mode_t mask = ::umask(077);
  ::umask(mask);
  out.emplace_back("the umask", std::to_string(mask));
  for (int number = 1; number < 65; ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) != 0) continue;
    const void* handler = nullptr;
    static_assert(sizeof handler == sizeof action.sa_handler);
    std::copy_n(reinterpret_cast<const char*>(&action.sa_handler), sizeof handler, reinterpret_cast<char*>(&handler));
    out.emplace_back("the disposition of signal " + std::to_string(number), address(handler) + " " + std::to_string(action.sa_flags));
  }
  sigset_t blocked;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  std::string mask_text;
  for (int number = 1; number < 65; ++number) mask_text += sigismember(&blocked, number) == 1 ? '1' : '0';
  out.emplace_back("the signal mask of the thread", mask_text);
  out.emplace_back("std::set_terminate", address(reinterpret_cast<const void*>(std::get_terminate())));
  return out;
}

}  // namespace ccp::kit

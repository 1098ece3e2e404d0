// The real ccpd in a process of its own, with its own directory and free ports.
#pragma once

#include <string>
#include <vector>

#include "core/base/json.hpp"
#include "core/net/http_client.hpp"
#include "tests/support/temp_db.hpp"

namespace ccp::test {

struct Finished {
  int exit_code = -1;  ///< 128 + signal when a signal ended it
  std::string out;     ///< stdout and stderr
};

class CcpdProcess {
 public:
  /// Writes `yaml` as ccp.yaml into `dir` and starts ccpd with it; does not wait.
  CcpdProcess(const std::string& dir, const std::string& yaml,
              std::vector<std::string> more_arguments = {});
  ~CcpdProcess();
  CcpdProcess(const CcpdProcess&) = delete;
  CcpdProcess& operator=(const CcpdProcess&) = delete;

  /// True once runtime.json names this process; false when it ended or 60 s passed.
  bool awaitServing();
  const std::string& publicUrl() const noexcept { return public_url_; }
  const std::string& adminUrl() const noexcept { return admin_url_; }
  void signal(int number) const;
  /// Waits for the end, at most 60 s (then SIGKILL).
  Finished wait();
  std::string output() const;

  net::HttpResponse get(const std::string& url,
                        std::vector<std::pair<std::string, std::string>> headers = {}) const;

 private:
  bool ended();
  std::string dir_;
  std::string log_;
  int pid_ = -1;
  int status_ = 0;
  bool reaped_ = false;
  std::string public_url_, admin_url_;
};

/// A dev configuration on free ports; `store` may be empty (SQLite in the state directory).
std::string devYaml(const std::string& dir, const std::string& store = {},
                    const std::string& more = {});

}  // namespace ccp::test

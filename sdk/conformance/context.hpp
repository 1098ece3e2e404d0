// What a test of the kit works with: the subject, the mode, and the verdict that it builds up. One per child
// process. A test may record several failures; each says what was found, what is needed and what to do.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "sdk/conformance/driver.hpp"
#include "sdk/conformance/subject.hpp"

namespace ccp::kit {

struct Failure {
  std::string found, needed, action;
};

struct Operation {
  std::string interface_id, name;
  bool required = false;
  std::string text() const { return interface_id + " " + name; }
};

class Context {
 public:
  Context(const Subject& subject, Mode mode, std::string scratch);

  const Subject& subject;
  const Mode mode;
  const std::string scratch;  ///< this test's own folder

  /// What the plugin is about to be asked; named when the process dies of it.
  void step(const std::string& what);
  void fail(std::string found, std::string needed, std::string action);
  void skip(std::string reason);
  void note(std::string text);
  bool failed() const noexcept { return !failures_.empty(); }
  /// So many failures are recorded that more would tell nothing new.
  bool enough() const noexcept { return more_failures_ > 0; }
  /// {"status","failures":[…],"reason","notes":[…]}
  Json verdict() const;

  /// The plugin, loaded; nullptr after recording why not.
  Plugin* plugin();
  /// A valid configuration: conformance/config.json, or an example of the schema. Nothing (and skipped)
  /// when there is neither.
  std::optional<Json> config();
  /// An instance that was created, configured and started; nullptr after recording why not.
  std::unique_ptr<Unit> ready(const KitHost& host, const std::string& name = "conformance");
  /// Created and no more.
  std::unique_ptr<Unit> created(const KitHost& host, const std::string& name = "conformance");
  /// Created and configured. A refused configuration is no failure here: see refusedConfig.
  std::unique_ptr<Unit> configured(const KitHost& host, const std::string& name = "conformance");
  /// Not empty after configured() or ready() met a plugin that refuses the configuration, and how.
  const std::string& refusedConfig() const noexcept { return refused_config_; }
  /// Operations of the interfaces that the manifest provides and that the plugin implements.
  std::vector<Operation> operations();
  /// Inputs that a host could send: from the fixtures of the operation, or made from its schema.
  std::vector<Json> inputs(const Operation& op) const;
  /// Operations without I/O: the same answer for the same input, no use of services.
  static bool isPure(const Operation& op);

  /// Records a failure when the answer is none that the ABI allows: a class that does not exist, a result
  /// that is no JSON, a problem that is no JSON object. `what` begins the message.
  bool checkAnswer(const Operation& op, const Outcome& outcome, const std::string& what);
  /// The same, and the result fits its schema.
  bool checkResult(const Operation& op, const Outcome& outcome, const std::string& what);
  /// The lifecycle functions: OK, and JSON if anything was written.
  bool checkOk(const Outcome& outcome, const std::string& what);

 private:
  std::optional<Json> makeConfig();
  std::unique_ptr<Plugin> plugin_;
  bool loaded_ = false;
  std::optional<Json> config_;
  bool config_made_ = false;
  bool config_is_generated_ = false;
  std::string refused_config_;
  int step_fd_;
  std::vector<Failure> failures_;
  std::size_t more_failures_ = 0;
  std::string skipped_;
  std::vector<std::string> notes_;
};

/// "${SCRATCH}" in texts becomes the test's folder.
Json withScratch(const Json& value, const std::string& scratch);

}  // namespace ccp::kit

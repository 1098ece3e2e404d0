#include "policy/engine/engine.hpp"

#include <utility>

#include "policy/engine/interpreter.hpp"
#include "policy/engine/pool.hpp"
#include "policy/engine/self_test.hpp"

namespace ccp::policy {
namespace {

constexpr std::size_t kMaxSource = 256u << 10;

/// Characters that make a source look other than it is, and ends that editors do not show.
const char* unreadable(std::string_view source) {
  if (source.size() > kMaxSource) return "is longer than 256 KiB";
  if (!source.empty() && source[0] == '\x1b') return "is no text";
  if (source.find('\0') != std::string_view::npos) return "has a NUL";
  if (!validUtf8(source)) return "is not valid UTF-8";
  if (source.substr(0, 3) == "\xEF\xBB\xBF") return "begins with a byte order mark";
  for (std::string_view mark : {"\u202A", "\u202B", "\u202C", "\u202D", "\u202E", "\u2066", "\u2067", "\u2068", "\u2069", "\u200E", "\u200F", "\u061C"}) {
    if (source.find(mark) != std::string_view::npos) return "has characters that change the direction of text";
  }
  return nullptr;
}

}  // namespace

class Program {
 public:
  Program(ProgramText text, std::shared_ptr<Pool> pool) : text_(std::move(text)), pool_(std::move(pool)) {}
  ~Program() { pool_->drop(shelf_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  const ProgramText& text() const noexcept { return text_; }
  std::unique_ptr<Interpreter> take() const { return pool_->take(shelf_); }
  void give(std::unique_ptr<Interpreter> interpreter) const { pool_->give(shelf_, std::move(interpreter)); }

 private:
  const ProgramText text_;
  const std::shared_ptr<Pool> pool_;
  mutable Pool::Shelf shelf_;  ///< guarded by the pool
};

struct Engine::Impl {
  std::shared_ptr<Pool> pool;
};

const char* toString(Fault fault) noexcept {
  switch (fault) {
    case Fault::none: return "none";
    case Fault::timeout: return "timeout";
    case Fault::memory: return "memory";
    case Fault::load_error: return "load_error";
    case Fault::runtime_error: return "runtime_error";
    case Fault::bad_result: return "bad_result";
  }
  return "?";
}

Engine::Engine() : Engine(Options{}) {}
Engine::Engine(const Options& options) : impl_(std::make_unique<Impl>(Impl{std::make_shared<Pool>(options.idle_bytes)})) {}
Engine::~Engine() = default;

Status Engine::selfTest() {
  static const Status result = testInterpreter();  // it cannot change while we run
  return result;
}

std::string_view Engine::luaVersion() noexcept { return CCP_LUA_VERSION; }

Result<ProgramPtr> Engine::load(std::string path, std::string_view source, const Json& data, const Limits& limits) {
  if (path.empty() || path.size() > 200 || printable(path) != path) {
    return fail(Errc::policy_compile_failed, printable(path) + ": the path has to be 1 to 200 printable characters");
  }
  if (const char* why = unreadable(source)) return fail(Errc::policy_compile_failed, path + ": the file " + why);
  ProgramText text{std::move(path), std::string(source), data.isNull() ? Json::object() : data};
  auto program = std::make_shared<const Program>(std::move(text), impl_->pool);
  Outcome outcome;
  std::unique_ptr<Interpreter> interpreter = Interpreter::build(program->text(), limits, outcome);
  if (!interpreter) return fail(Errc::policy_compile_failed, std::move(outcome.message));
  program->give(std::move(interpreter));
  return ProgramPtr(std::move(program));
}

Outcome Engine::decide(const ProgramPtr& program, std::string_view input_json, const Limits& limits, Recording recording) {
  Outcome outcome;
  std::unique_ptr<Interpreter> interpreter = program->take();
  // It compiled before; only this machine's memory or the given limits can be in the way now.
  if (!interpreter) interpreter = Interpreter::build(program->text(), limits, outcome);
  if (!interpreter) {
    if (outcome.fault == Fault::runtime_error) outcome.fault = Fault::load_error;
    return outcome;
  }
  interpreter->decide(input_json, limits, recording, outcome);
  if (!interpreter->spent()) program->give(std::move(interpreter));
  return outcome;
}

}  // namespace ccp::policy
